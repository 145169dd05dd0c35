"""Ours, on the event loop of asyncio."""

from twisted.internet import asyncioreactor

asyncioreactor.install()

from benchmarks.servers.txsockjs_server import main  # noqa: E402

main()

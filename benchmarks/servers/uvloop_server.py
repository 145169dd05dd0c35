"""Ours, on the event loop of uvloop."""

import uvloop
from twisted.internet import asyncioreactor

asyncioreactor.install(uvloop.new_event_loop())

from benchmarks.servers.txsockjs_server import main  # noqa: E402

main()

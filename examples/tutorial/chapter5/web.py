"""
The pages of the chat, without the chat, for a proxy that speaks TLS.

    CHAT_SECRET=... python web.py
"""

import sys
from typing import Any

from server import addPages
from twisted.internet import defer, endpoints, task
from twisted.python import log
from twisted.web.resource import Resource
from twisted.web.server import Site


async def main(reactor: Any, listen: str = "tcp:8082:interface=127.0.0.1") -> None:
    log.startLogging(sys.stdout)
    root: Any = Resource()
    addPages(root, secure=True)
    endpoint = endpoints.serverFromString(reactor, listen)
    port = await endpoint.listen(Site(root, parsePOSTFormSubmission=False))
    print(f"Pages at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

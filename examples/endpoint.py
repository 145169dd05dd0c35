"""
A service from an endpoint string: any program that takes one can serve SockJS, without
knowing of it.

    python endpoint.py 'sockjs:tcp\\:8080\\:interface\\=127.0.0.1:heartbeat=10'
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo


async def main(
    reactor: Any, listen: str = r"sockjs:tcp\:8080\:interface\=127.0.0.1"
) -> None:
    factory = Factory.forProtocol(Echo)
    port = await endpoints.serverFromString(reactor, listen).listen(factory)
    print(f"An echo at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

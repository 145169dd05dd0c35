"""Prints, as JSON, how many objects of each class the garbage collector walks for one
idle session that has echoed a message, beside the test's own end of its connection.

``python -m tests.support.programs.walked``
"""

from __future__ import annotations

import gc
import json
import socket
from collections import Counter
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.wire import Echo

from txsockjs import SockJSFactory

SESSIONS = 100

HANDSHAKE = (
    "GET /000/{name}/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nCookie: name={name}\r\nX-Request-Id: {name}\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

# A masked frame of text, with a mask of zeros.
MESSAGE = b"\x81\x85\0\0\0\0" + b'["a"]'

reactor: Any = installed


def connect(port: int, name: str) -> socket.socket:
    """
    Open a session, and have a message echoed.
    """
    client = socket.create_connection(("127.0.0.1", port), 30)
    client.sendall(HANDSHAKE.format(name=name).encode("ascii"))
    said = b""
    while not said.endswith(b"\x81\x01o"):
        said += client.recv(4096)
    client.sendall(MESSAGE)
    while not said.endswith(b'a["a"]'):
        said += client.recv(4096)
    return client


def walked() -> Counter[type]:
    """
    What there is, but for sockets of clients.
    """
    gc.collect()
    gc.collect()
    return Counter(map(type, gc.get_objects()))


async def main(port: int) -> None:
    """
    Measure.
    """
    held: list[socket.socket] = []

    def connectAll(first: int) -> None:
        names = (f"s{number}" for number in range(first, first + SESSIONS))
        held.extend(connect(port, name) for name in names)

    # What is made once is there then.
    await deferToThread(connectAll, 0)
    before = walked()
    await deferToThread(connectAll, SESSIONS)
    after = walked()
    after[socket.socket] -= SESSIONS
    print(
        json.dumps(
            {
                kind.__name__: (count - before[kind]) / SESSIONS
                for kind, count in after.items()
                if count - before[kind] >= SESSIONS / 2
            }
        )
    )
    reactor.stop()


if __name__ == "__main__":
    port = reactor.listenTCP(
        0, SockJSFactory(Factory.forProtocol(Echo)), interface="127.0.0.1"
    )
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(main(port.getHost().port)).addErrback(
            lambda failure: (print(failure.getTraceback()), reactor.stop())
        )
    )
    reactor.run()

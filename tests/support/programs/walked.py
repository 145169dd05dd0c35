"""Prints, as JSON, how many objects of each class the garbage collector walks for one
idle session, and how many bytes Python has for it, beside the test's own end of its
connection.

``python -m tests.support.programs.walked websocket|xhr``: over a WebSocket that has
echoed a message, or with a poll that waits.
"""

from __future__ import annotations

import gc
import json
import socket
import sys
import tracemalloc
from collections import Counter
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.protocols.wire import Echo

from txsockjs import SockJSFactory
from txsockjs.transports.receiving import PollingReceiver

SESSIONS = 100

HANDSHAKE = (
    "GET /000/{name}/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nCookie: name={name}\r\nX-Request-Id: {name}\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

# As by way of a load balancer: each of them comes once.
POLL = (
    "POST /000/{name}/xhr HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
    "Cookie: name={name:0>32}\r\nX-Request-Id: {name:0>31}{count}\r\n"
    "X-Forwarded-For: 192.0.2.{name}\r\n"
    "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
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


def poll(port: int, name: str) -> socket.socket:
    """
    Open a session, and poll.
    """
    client = socket.create_connection(("127.0.0.1", port), 30)
    client.sendall(POLL.format(name=name, count=1).encode("ascii"))
    said = b""
    while not said.endswith(b"\r\n\r\no\n"):
        said += client.recv(4096)
    client.sendall(POLL.format(name=name, count=2).encode("ascii"))
    return client


def walked() -> Counter[type]:
    """
    What there is, but for sockets of clients.
    """
    gc.collect()
    gc.collect()
    return Counter(map(type, gc.get_objects()))


async def waiting(sessions: int) -> None:
    """
    Return when the server has read so many polls that are to wait.
    """
    while [*map(type, gc.get_objects())].count(PollingReceiver) < sessions:
        await deferLater(reactor, 0.01)


async def main(port: int, kind: str) -> None:
    """
    Measure.
    """
    begin = connect if kind == "websocket" else poll
    held: list[socket.socket] = []

    def connectAll(first: int) -> None:
        names = (str(number) for number in range(first, first + SESSIONS))
        held.extend(begin(port, name) for name in names)

    # What is made once is there then.
    await deferToThread(connectAll, 0)
    if kind != "websocket":
        await waiting(SESSIONS)
    before = walked()
    tracemalloc.start()
    await deferToThread(connectAll, SESSIONS)
    if kind != "websocket":
        await waiting(2 * SESSIONS)
    after = walked()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    after[socket.socket] -= SESSIONS
    print(
        json.dumps(
            {
                "bytes": size / SESSIONS,
                "kinds": {
                    kind.__name__: (count - before[kind]) / SESSIONS
                    for kind, count in after.items()
                    if count - before[kind] >= SESSIONS / 2
                },
            }
        )
    )
    reactor.stop()


if __name__ == "__main__":
    port = reactor.listenTCP(
        0, SockJSFactory(Factory.forProtocol(Echo)), interface="127.0.0.1"
    )
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(
            main(port.getHost().port, sys.argv[1])
        ).addErrback(lambda failure: (print(failure.getTraceback()), reactor.stop()))
    )
    reactor.run()

"""
A server whose applications write a lot, in a process of its own:
``python -m tests.support.programs.writing_server OPTIONS``, where the options of its
services are a JSON object. It prints its URL.

The services are ``flood``, which writes without a producer, ``push`` and ``pull``,
which write with one, and ``echo``. ``GET /go?bytes=N`` has every session of the first
three begin to write; ``GET /state`` tells how things are, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor, task
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request

from tests.support.programs.readers import numbered
from txsockjs.factory import SockJSMultiFactory

#: Characters of a message.
SIZE = 16384

facts: Counter[str] = Counter()
writers: list[Writer] = []


class Writer(Protocol):
    """
    Writes messages of `numbered`, in one way or another.
    """

    transport: Any

    def connectionMade(self) -> None:
        self.number = 0
        self.lost = False
        writers.append(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        facts["lost"] += 1
        writers.remove(self)

    def write(self) -> None:
        """
        Write the next message.
        """
        self.transport.write(numbered(self.number, SIZE).encode())
        self.number += 1

    def begin(self, count: int) -> None:
        """
        Write so many messages.
        """
        raise NotImplementedError

    def isFull(self) -> bool:
        """
        Whether it waits for its client to take something.
        """
        return False


class Flood(Writer):
    """
    Never asks whether anybody takes what it writes.
    """

    def begin(self, count: int) -> None:
        task.cooperate(self._write(count))

    def _write(self, count: int) -> Iterator[None]:
        while self.number < count and not self.lost:
            self.write()
            yield


class Push(Writer):
    """
    A push producer: writes until it is paused, a little in each turn.
    """

    left = 0
    paused = False

    def begin(self, count: int) -> None:
        self.left = count
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        reactor.callLater(0, self._write)

    def _write(self) -> None:
        if self.paused or self.lost or not self.left:
            return
        self.left -= 1
        self.write()
        if self.left:
            reactor.callLater(0, self._write)
        else:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self.paused = True

    def isFull(self) -> bool:
        return self.paused

    def stopProducing(self) -> None:
        self.left = 0


class Pull(Writer):
    """
    A pull producer: writes when it is asked.
    """

    left = -1

    def begin(self, count: int) -> None:
        self.left = count
        self.asked = reactor.seconds()
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.asked = reactor.seconds()
        self.left -= 1
        self.write()
        if not self.left:
            self.transport.unregisterProducer()

    def isFull(self) -> bool:
        return self.left > 0 and reactor.seconds() - self.asked > 0.5

    def stopProducing(self) -> None:
        self.left = 0


class Page(Resource):
    """
    A page that is the JSON of what a function returns.
    """

    isLeaf = True

    def __init__(self, call: Callable[[Request], object]) -> None:
        super().__init__()
        self._call = call

    def render_GET(self, request: Request) -> bytes:
        return json.dumps(self._call(request)).encode()


def memory(name: str) -> int:
    """
    This process's ``VmRSS`` or ``VmHWM``, in bytes.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def main(options: dict[str, Any]) -> None:
    site = SockJSMultiFactory()
    for name, protocol in (
        ("flood", Flood),
        ("push", Push),
        ("pull", Pull),
        ("echo", Echo),
    ):
        site.addFactory(Factory.forProtocol(protocol), name, options)

    def go(request: Request) -> int:
        count = int(request.args[b"bytes"][0]) // SIZE
        for writer in writers:
            writer.begin(count)
        return count

    def state(request: Request) -> dict[str, int]:
        sessions = [s for r in site.services.values() for s in r.service._ids]
        return {
            "sessions": len(sessions),
            "pending": sum(session.pending for session in sessions),
            "fullest": max((session.pending for session in sessions), default=0),
            "full": sum(writer.isFull() for writer in writers),
            "memory": memory("VmRSS"),
            "most": memory("VmHWM"),
            **facts,
        }

    site.resource.putChild(b"go", Page(go))
    site.resource.putChild(b"state", Page(state))
    port = reactor.listenTCP(0, site, backlog=1000, interface="127.0.0.1")
    print(f"http://127.0.0.1:{port.getHost().port} ", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

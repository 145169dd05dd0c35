"""``python -m benchmarks.walks [--verbose]``: through which rooms a message goes.

A room is a module of txsockjs. A move is a call that enters a room: from another one,
from the application, or from the reactor; by way of others' code, Twisted's for
instance, is a move too. All is counted while it happens, in memory, for a session's
fourth message: the common case.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType, FrameType
from typing import Any

import attrs
from twisted.internet.protocol import Factory, Protocol

from txsockjs.testing import MemoryClient, MemorySite
from txsockjs.testing.network import MemorySocket

#: The transports that take messages out, and those that bring them in with a request:
#: the transport of its session, the type of its body, and the body.
RECEIVING = (
    "websocket",
    "rawwebsocket",
    "xhr",
    "xhr_streaming",
    "eventsource",
    "htmlfile",
    "jsonp",
)
SOCKETS = RECEIVING[:2]
_FORM = "application/x-www-form-urlencoded"
SENDING = {
    "xhr_send": ("xhr", "text/plain", b'["hello"]'),
    "jsonp_send": (
        "jsonp",
        "application/x-www-form-urlencoded",
        b"d=%5B%22hello%22%5D",
    ),
}

#: The most rooms, and the most moves, of a walk.
LIMITS = {"out": (7, 10), "in": (8, 12)}

_PACKAGE = "txsockjs."
# The fakes are the world around.
_OUTSIDE = "txsockjs.testing."


@attrs.define
class Walk:
    """
    What one message passes.

    :ivar direction: ``"out"``: from ``transport.write`` to the network, the end of the
        turn included; or ``"in"``: from the network to ``protocol.dataReceived``.
    :ivar calls: each call of a function in a room: the room, the function, and whether
        it was a move.
    """

    direction: str
    transport: str
    calls: list[tuple[str, str, bool]] = attrs.field(factory=list)

    @property
    def rooms(self) -> list[str]:
        """
        The rooms, in the order in which they are first entered.
        """
        return list(dict.fromkeys(room for room, _, _ in self.calls))

    @property
    def moves(self) -> int:
        """
        How many moves there are.
        """
        return sum(isMove for _, _, isMove in self.calls)


def roomOf(frame: FrameType) -> str | None:
    """
    The room that a function which runs is in, if it is in one.
    """
    name = frame.f_globals.get("__name__", "")
    if not name.startswith(_PACKAGE) or name.startswith(_OUTSIDE):
        return None
    return name.removeprefix(_PACKAGE)


def follow(walk: Walk, last: CodeType, do: Callable[[], object]) -> Walk:
    """
    Note all calls in rooms that something makes.

    :param last: the function that the walk ends with.
    """
    ended = False

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal ended
        ended = ended or frame.f_code is last
        room = roomOf(frame)
        if ended or event != "call" or room is None:
            return
        caller = frame.f_back
        while caller is not None and roomOf(caller) is None:
            caller = caller.f_back
        isMove = caller is None or roomOf(caller) != room
        walk.calls.append((room, frame.f_code.co_qualname, isMove))

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    if not ended:
        raise RuntimeError(f"the walk {walk.direction} by {walk.transport} has no end")
    return walk


class Application(Protocol):
    """
    The wrapped protocol.
    """

    def dataReceived(self, data: bytes) -> None:
        pass


class Session:
    """
    A session that is open, and what a message takes on it.
    """

    def __init__(self, transport: str) -> None:
        made: list[Any] = []

        class _Factory(Factory):
            noisy = False

            def buildProtocol(self, addr: Any) -> Protocol:
                made.append(Application())
                return made[-1]  # type: ignore[no-any-return]

        self.site = MemorySite.serving(_Factory())
        self.client = MemoryClient(self.site)
        self._socket: Any = None
        if transport == "rawwebsocket":
            self._socket = self.client.websocket("/websocket")
        elif transport == "websocket":
            self._socket = self.client.websocket("/000/s1/websocket")
        else:
            self.client.session(transport)
        [self.application] = made

    def out(self) -> None:
        """
        Send a message to the browser.
        """
        self.application.transport.write(b"hello")
        self.site.settle()

    def hear(self) -> None:
        """
        Have a WebSocket bring a message.
        """
        self._socket.send('["hello"]')

    def post(self, path: str, kind: str, body: bytes) -> None:
        """
        Have a request bring a message.
        """
        headers = {"Content-Type": kind}
        self.client.request("POST", f"/000/s1/{path}", headers, body)


def trace(direction: str, transport: str) -> Walk:
    """
    Follow a message.
    """
    session = Session(SENDING[transport][0] if transport in SENDING else transport)
    do: Callable[[], object] = session.out if direction == "out" else session.hear
    if transport in SENDING:
        do = partial(session.post, transport, *SENDING[transport][1:])
    last: Any = MemorySocket.send if direction == "out" else Application.dataReceived
    try:
        for _ in range(3):
            do()
        return follow(Walk(direction, transport), last.__code__, do)
    finally:
        session.site.stop()


def traceAll() -> list[Walk]:
    """
    Follow a message over every transport.
    """
    out = [trace("out", transport) for transport in RECEIVING]
    return out + [trace("in", transport) for transport in (*SOCKETS, *SENDING)]


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walks")
    parser.add_argument("--verbose", action="store_true", help="print every call, too")
    options = parser.parse_args(arguments)
    for walk in traceAll():
        print(
            f"{walk.direction:3} {walk.transport:14} {len(walk.rooms):2} rooms"
            f" {walk.moves:3} moves  {' '.join(walk.rooms)}"
        )
        if options.verbose:
            for room, function, isMove in walk.calls:
                print("      ", ">" if isMove else " ", room, function)


if __name__ == "__main__":
    main()

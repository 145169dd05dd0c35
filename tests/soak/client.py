"""The clients' side of a soak: connections that are made and broken by hand."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.sockets import frame, upgrade


class Line(Protocol):
    """
    One connection.
    """

    def __init__(self) -> None:
        self._received = b""
        self._awaited: tuple[tuple[bytes, ...], Deferred[bytes]] | None = None
        self._lost = False

    def hear(self, *any: bytes) -> Deferred[bytes]:
        """
        Wait until one of these comes, and forget all up to its end.

        :return: what fires with it then, or fails with `ConnectionDone` when the
            connection is lost before.
        """
        heard: Deferred[bytes] = Deferred()
        self._awaited = (any, heard)
        self._look()
        return heard

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._look()

    def _look(self) -> None:
        if self._awaited is None:
            return
        any, heard = self._awaited
        found = [(self._received.find(each), each) for each in any]
        first, what = min((each for each in found if each[0] >= 0), default=(-1, b""))
        if first >= 0:
            self._awaited = None
            self._received = self._received[first + len(what) :]
            heard.callback(what)
        elif self._lost:
            self._awaited = None
            heard.errback(Failure(ConnectionDone(f"{any} did not come")))

    def request(self, method: str, path: str, body: bytes = b"") -> None:
        """
        Send a request.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: soak\r\n"
        if method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)


class Enough(Exception):
    """
    The client has decided to go no further.
    """


class Client:
    """
    One client: a session, from its opening to whatever becomes of it.

    :ivar number: what makes its id and its messages unique.
    """

    def __init__(
        self, endpoint: TCP4ClientEndpoint, random: Random, number: int
    ) -> None:
        self._endpoint = endpoint
        self._random = random
        self._lines: list[Line] = []
        self.number = number
        self.base = f"/{number % 1000}/soak{number}"

    async def connect(self) -> Line:
        """
        Make another connection.
        """
        line: Line = await connectProtocol(self._endpoint, Line())
        self._lines.append(line)
        return line

    def step(self) -> None:
        """
        Go on, or not.

        :raise Enough: now and then.
        """
        if self._random.random() < 0.05:
            raise Enough

    @property
    def text(self) -> bytes:
        """
        Something to say, of any length.
        """
        size = self._random.choice([0, 0, 10, 100, 1000, 3000])
        return b"m%d-%d-%b" % (self.number, self._random.getrandbits(30), b"x" * size)

    async def live(self) -> str:
        """
        Live through one session.

        :return: how it ended.
        """
        kind = self._random.choice(sorted(KINDS))
        end = self._random.choice(ENDS)
        try:
            await KINDS[kind](self, end)
        except Enough:
            end = "enough"
        if end in ("close", "said"):
            for line in self._lines:
                line.transport.loseConnection()
        elif end != "leave":
            for line in self._lines:
                line.transport.abortConnection()
        return f"{kind} {end}"

    def leave(self) -> None:
        """
        Drop what is left.
        """
        for line in self._lines:
            line.transport.abortConnection()

    def last(self, end: str) -> bytes | None:
        """
        The last message for an end, if the server has a part in it.
        """
        return {"said": b"close", "aborted": b"abort", "flood": b"flood"}.get(end)

    def times(self) -> range:
        return range(self._random.randrange(6))


#: How a session ends: the client closes, aborts, stops reading, is in the middle of a
#: request, talks nonsense; or the server closes, aborts, or writes without end.
ENDS = ["close", "abort", "leave", "half", "nonsense", "said", "aborted", "flood"]


async def polling(client: Client, end: str, name: str = "xhr") -> None:
    """
    ``xhr`` or ``jsonp``: a connection that polls, and one that sends.
    """
    jsonp = name == "jsonp"
    heartbeat = b'("h")' if jsonp else b"\r\n\r\nh\n"
    quote = b'\\"]' if jsonp else b'"]'

    def poll() -> None:
        if jsonp:
            receiver.request("GET", f"{client.base}/jsonp?c=f")
        else:
            receiver.request("POST", f"{client.base}/xhr")

    receiver, sender = await client.connect(), await client.connect()
    poll()
    await receiver.hear(b'("o")' if jsonp else b"\r\n\r\no\n")
    for _ in client.times():
        client.step()
        text = client.text
        poll()
        client.step()
        await send(client, sender, text, jsonp)
        while await receiver.hear(text + quote, heartbeat) == heartbeat:
            poll()
    poll()
    await finish(client, sender, end, jsonp)


async def send(client: Client, line: Line, text: bytes, jsonp: bool = False) -> None:
    """
    Send a message by a request of its own.
    """
    line.request(
        "POST",
        f"{client.base}/{'jsonp_send' if jsonp else 'xhr_send'}",
        b'["%b"]' % text,
    )
    await line.hear(b"\r\n\r\nok" if jsonp else b"HTTP/1.1 204 ")


async def finish(client: Client, line: Line, end: str, jsonp: bool = False) -> None:
    """
    Do what belongs to an end.
    """
    last = client.last(end)
    if last is not None:
        await send(client, line, last, jsonp)
    elif end == "half":
        line.transport.write(
            f"POST {client.base}/xhr_send HTTP/1.1\r\nHost: a\r\n"
            "Content-Length: 500\r\n\r\n[".encode()
        )
    elif end == "nonsense":
        line.transport.write(b"\xff\0nonsense\r\n\r\n" * 20)
        await line.hear(b"HTTP/1.1 400 ")


async def streaming(client: Client, end: str, name: str = "xhr_streaming") -> None:
    """
    A response that streams, which is asked for anew when it ends, and a sender.
    """
    quote = b'\\"]' if name == "htmlfile" else b'"]'
    last = b"\r\n0\r\n\r\n"

    def ask() -> None:
        method = "POST" if name == "xhr_streaming" else "GET"
        receiver.request(method, f"{client.base}/{name}?c=f")

    receiver, sender = await client.connect(), await client.connect()
    ask()
    await receiver.hear(b"HTTP/1.1 200 ")
    for _ in client.times():
        client.step()
        text = client.text
        await send(client, sender, text)
        while await receiver.hear(text + quote, last) == last:
            ask()
    if end == "leave":
        receiver.transport.pauseProducing()
        await send(client, sender, b"flood")
    await finish(client, sender, end)


async def socket(client: Client, end: str, path: str | None = None) -> None:
    """
    A WebSocket, framed or raw.
    """
    raw = path is not None
    extension = {}
    if client.number % 2:
        extension = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    line = await client.connect()
    line.transport.write(upgrade(path or f"{client.base}/websocket", extension))
    await line.hear(b"HTTP/1.1 101 ")
    await line.hear(b"\r\n\r\n")
    for _ in client.times():
        client.step()
        text = client.text
        line.transport.write(frame(text if raw else b'["%b"]' % text))
        if not extension:
            await line.hear(text)
    last = client.last(end)
    if last is not None:
        line.transport.write(frame(last if raw else b'["%b"]' % last))
    elif end == "leave":
        line.transport.pauseProducing()
        line.transport.write(frame(b"flood" if raw else b'["flood"]'))
    elif end == "half":
        line.transport.write(frame(b"x" * 500)[:100])
    elif end == "nonsense":
        line.transport.write(b"\xff" * 100)
    elif end == "close":
        line.transport.write(frame(b"\x03\xe8", 8))


KINDS: dict[str, Any] = {
    "xhr": polling,
    "jsonp": lambda client, end: polling(client, end, "jsonp"),
    "xhr_streaming": streaming,
    "eventsource": lambda client, end: streaming(client, end, "eventsource"),
    "htmlfile": lambda client, end: streaming(client, end, "htmlfile"),
    "websocket": socket,
    "rawwebsocket": lambda client, end: socket(client, end, "/websocket"),
}

"""Sessions over one socket: plain TCP, raw WebSocket, SockJS over WebSocket, and
Socket.IO over WebSocket."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.client import websocket
from benchmarks.client.burst import decode, encode, messagesIn
from benchmarks.client.connection import Connection
from benchmarks.client.session import Plan, Session
from benchmarks.errors import WrongAnswer

#: Engine.IO's heartbeat.
_PING = b"2"


class TcpSession(Session):
    """The WebSocket frames of a burst over plain TCP; they must come back as sent."""

    __slots__ = ("_connection", "_partial")

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._partial = b""
        self._connection = Connection(plan.loop, plan.target, self._greeted)

    def _write(self) -> None:
        self._connection.send(self.plan.bursts[self._turn].frames)

    def _greeted(self, data: bytes) -> None:
        if data != b"o":
            raise WrongAnswer(f"{data[:80]!r} instead of a greeting")
        self._connection.receive = self._received
        self.plan.opened(self)

    def _received(self, data: bytes) -> None:
        expected = self.plan.bursts[self._turn].frames
        if self._partial:
            data = self._partial + data
        if data == expected:
            self._partial = b""
            self._whole()
        elif expected.startswith(data):
            self._partial = data
        else:
            raise WrongAnswer(f"{data[:80]!r} instead of {expected[:80]!r}")


class WebSocketSession(Session):
    """SockJS over WebSocket."""

    __slots__ = ("_connection", "_goodbye", "_partial")

    #: What the server says first, unasked.
    greeting: ClassVar[list[bytes]] = [b"o"]
    #: What is offered in ``Sec-WebSocket-Extensions``, and has to be taken.
    extension: ClassVar[str] = ""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._partial = b""
        self._goodbye = False
        self._connection = Connection(
            plan.loop, plan.target, self._upgrading, patient=plan.patient
        )
        authority = plan.target.authority()
        request = websocket.upgradeRequest(authority, self._path(), self.extension)
        self._connection.send(request)

    def _path(self) -> str:
        return self.plan.path() + "/websocket"

    def _write(self) -> None:
        self._connection.send(self.plan.bursts[self._turn].frames)

    def close(self) -> None:
        """Ask the server to close (RFC 6455, 7.1.2), and wait until it has."""
        self._connection.receive = self._closing
        self._connection.lost = self._lost
        code = (1000).to_bytes(2)
        self._connection.send(websocket.clientFrame(code, websocket.CLOSE))

    def _upgrading(self, data: bytes) -> None:
        self._partial += data
        head, found, rest = self._partial.partition(b"\r\n\r\n")
        if not found:
            return
        name = self.extension.partition(";")[0].encode()
        if not head.startswith(b"HTTP/1.1 101 ") or name not in head:
            raise WrongAnswer(f"no upgrade: {self._partial[:300]!r}")
        self._partial = b""
        self._connection.receive = self._greeted
        self._greeted(rest)

    def _greeted(self, data: bytes) -> None:
        # All of it, until it is whole.
        self._partial += data
        frames, rest = self._split(self._partial)
        payloads = list(websocket.dataPayloads(frames, []))
        if len(payloads) == len(self.greeting) and not rest:
            self._partial = b""
            if payloads != self.greeting:
                raise WrongAnswer(f"{payloads!r} instead of {self.greeting!r}")
            self._connection.receive = self._received
            self.plan.opened(self)

    def _received(self, data: bytes) -> None:
        plan, turn = self.plan, self._turn
        fresh = not self._partial and not self._got
        if fresh and data == plan.last[turn]:
            self._whole()
            return
        messages = None if self._partial else plan.known.get(data)
        if messages is None:
            messages = self._parse(data)
        if fresh and messages == plan.bursts[turn].messages and not self._partial:
            plan.last[turn] = data
        if messages:
            self._take(messages)

    def _parse(self, data: bytes) -> list[str]:
        frames, rest = self._split(self._partial + data)
        clean = not self._partial and not rest
        self._partial = rest
        messages: list[str] = []
        pings: list[bytes] = []
        for payload in websocket.dataPayloads(frames, pings):
            messages += self._messagesIn(payload)
        for ping in pings:
            self._connection.send(websocket.clientFrame(ping, websocket.PONG))
        if clean and not pings:
            self.plan.remember(data, messages)
        return messages

    def _split(self, data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        return websocket.splitFrames(data)

    def _messagesIn(self, payload: bytes) -> list[str]:
        return messagesIn(payload)

    def _closing(self, data: bytes) -> None:
        frames, self._partial = self._split(self._partial + data)
        for opcode, payload in frames:
            if opcode == websocket.CLOSE:
                self._goodbye = True
            elif payload != b"h" and opcode != websocket.PING:
                # A heartbeat may have crossed ours.
                raise WrongAnswer(f"frame {opcode:#x} after the close: {payload!r}")

    def _lost(self) -> None:
        if not self._goodbye:
            raise WrongAnswer("the server closed without a close frame")
        self.plan.closed(self)


class RawWebSocketSession(WebSocketSession):
    """The same WebSocket messages without SockJS, as a plain echo server takes them."""

    __slots__ = ()

    greeting = []

    def _path(self) -> str:
        return "/"

    def _messagesIn(self, payload: bytes) -> list[str]:
        return decode(payload)


class RoomSession(WebSocketSession):
    """SockJS over WebSocket, in a room once the server has said so."""

    __slots__ = ()

    greeting = [b"o", b'a["joined"]']


class MultiplexSession(WebSocketSession):
    """SockJS over WebSocket, all messages on a channel of the topic ``echo``."""

    __slots__ = ("_frames", "_subscription")

    def __init__(self, plan: Plan) -> None:
        self._subscription = websocket.clientFrame(encode(["sub,echo"]))
        self._frames = [
            b"".join(
                websocket.clientFrame(encode([f"msg,echo,{message}"]))
                for message in burst.messages
            )
            for burst in plan.bursts
        ]
        super().__init__(plan)

    def _write(self) -> None:
        # The channel needs no answer: it is open when its first message comes.
        self._connection.send(self._subscription + self._frames[self._turn])
        self._subscription = b""

    def _messagesIn(self, payload: bytes) -> list[str]:
        messages = []
        for message in messagesIn(payload):
            kind, _, text = message.partition(",echo,")
            if kind != "msg":
                raise WrongAnswer(f"not from the channel: {message[:80]!r}")
            messages.append(text)
        return messages


class DeflateSession(WebSocketSession):
    """SockJS over WebSocket, each message compressed by itself (RFC 7692)."""

    __slots__ = ("_frames",)

    extension = (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    )

    def __init__(self, plan: Plan) -> None:
        self._frames = [
            b"".join(map(websocket.deflatedFrame, burst.plain)) for burst in plan.bursts
        ]
        super().__init__(plan)

    def _write(self) -> None:
        self._connection.send(self._frames[self._turn])

    def _split(self, data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        return websocket.splitFrames(data, websocket.inflated)


class SocketIOSession(WebSocketSession):
    """Socket.IO (protocol 5, Engine.IO 4) over WebSocket: the event ``say``."""

    __slots__ = ("_frames",)

    def __init__(self, plan: Plan) -> None:
        self._frames = [
            b"".join(
                websocket.clientFrame(b"42" + encode(["say", message]))
                for message in burst.messages
            )
            for burst in plan.bursts
        ]
        super().__init__(plan)

    def _path(self) -> str:
        return "/socket.io/?EIO=4&transport=websocket"

    def _write(self) -> None:
        self._connection.send(self._frames[self._turn])

    def _greeted(self, data: bytes) -> None:
        frames, self._partial = websocket.splitFrames(self._partial + data)
        for payload in websocket.dataPayloads(frames, []):
            if payload.startswith(b"0{"):
                self._connection.send(websocket.clientFrame(b"40"))
            elif payload.startswith(b"40{"):
                self._connection.receive = self._received
                self.plan.opened(self)
            else:
                raise WrongAnswer(f"{payload[:80]!r} instead of a greeting")

    def _parse(self, data: bytes) -> list[str]:
        messages = super()._parse(data)
        if b"\x01" + _PING in data:
            # The same bytes are to be answered the next time, too.
            self.plan.known.pop(data, None)
        return messages

    def _messagesIn(self, payload: bytes) -> list[str]:
        if payload == _PING:
            self._connection.send(websocket.clientFrame(b"3"))
            return []
        if not payload.startswith(b"42"):
            raise WrongAnswer(f"not an event: {payload[:80]!r}")
        event, *messages = decode(payload[2:])
        if event != "say":
            raise WrongAnswer(f"the event {event!r}")
        return messages

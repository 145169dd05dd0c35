"""Sessions over HTTP: one connection receives, a second one sends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from benchmarks.client import http
from benchmarks.client.burst import messagesIn
from benchmarks.client.connection import Connection, sourceAddress
from benchmarks.client.session import Plan, Session
from benchmarks.errors import WrongAnswer


class HttpSession(Session):
    """
    What the HTTP transports share.

    A burst has come back when its messages are here and ``xhr_send`` has been answered.
    """

    __slots__ = (
        "_arrived",
        "_ask",
        "_numbered",
        "_opened",
        "_partial",
        "_receiver",
        "_sender",
        "_sending",
        "_sends",
        "_source",
    )

    transport: ClassVar[str]
    method: ClassVar[str] = "POST"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._arrived = self._opened = self._sending = False
        self._partial = b""
        self._sender: Connection | None = None
        # Servers may hold a session to the address that opened it.
        self._source = sourceAddress()
        authority, path = plan.target.authority(), plan.path()
        more: dict[str, Any] = {
            "extra": plan.ownHeaders(),
            "identified": plan.identified,
        }
        self._numbered: Callable[[bytes], bytes] = (
            http.numbered if plan.identified else bytes
        )
        self._ask = http.request(
            authority, self.method, f"{path}/{self.transport}", **more
        )
        self._sends = [
            http.request(authority, "POST", f"{path}/xhr_send", body, **more)
            for body in (burst.body for burst in plan.bursts)
        ]
        self._connect()

    def _connect(self) -> None:
        plan = self.plan
        self._receiver = Connection(
            plan.loop, plan.target, self._received, self._source
        )
        self._receiver.send(self._numbered(self._ask))

    def _write(self) -> None:
        if self._sender is None:
            plan = self.plan
            self._sender = Connection(
                plan.loop, plan.target, self._accepted, self._source
            )
        self._sending = True
        self._sender.send(self._numbered(self._sends[self._turn]))

    def _accepted(self, data: bytes) -> None:
        """``xhr_send`` is answered: 204, no body."""
        known = self.plan.known
        if data not in known:
            response = http.takeResponse(data)
            if response is None or response != (204, b"", b""):
                raise WrongAnswer(f"xhr_send answered {data!r:.300}")
            self.plan.remember(data, [])
        self._sending = False
        if self._arrived:
            self._both()

    @abstractmethod
    def _received(self, data: bytes) -> None:
        """Bytes came from the receiving connection."""

    def _frame(self, frame: bytes) -> list[str]:
        """
        Read one SockJS frame.

        :raise WrongAnswer: the first is not ``o``, or another one is.
        """
        if (frame == b"o") is self._opened:
            raise WrongAnswer(f"{frame!r:.80}, opened: {self._opened}")
        messages = messagesIn(frame)
        if not self._opened:
            self._opened = True
            self.plan.opened(self)
        return messages

    def _whole(self) -> None:
        self._arrived = True
        if not self._sending:
            self._both()

    def _both(self) -> None:
        self._arrived = False
        super()._whole()


class PollingSession(HttpSession):
    """``xhr``: asks again at once when it was answered, as browsers do."""

    __slots__ = ()

    transport = "xhr"

    def _received(self, data: bytes) -> None:
        known = self.plan.known
        messages = None if self._partial else known.get(data)
        if messages is None:
            data = self._partial + data
            response = http.takeResponse(data)
            if response is None:
                self._partial = data
                return
            self._partial = b""
            status, body, rest = response
            if status != 200 or rest or body[-1:] != b"\n":
                raise WrongAnswer(f"xhr answered {data!r:.300}")
            messages = self._frame(body[:-1])
            if messages:
                self.plan.remember(data, messages)
        self._receiver.send(self._numbered(self._ask))
        if messages:
            self._take(messages)


class StreamingSession(HttpSession):
    """``xhr_streaming``: one line a frame; asks again when the response has ended."""

    __slots__ = ("_inBody", "_last", "_text")

    transport = "xhr_streaming"
    prelude: ClassVar[bytes] = b"h" * 2048

    def __init__(self, plan: Plan) -> None:
        self._inBody = self._last = False
        self._text = b""
        super().__init__(plan)

    def _received(self, data: bytes) -> None:
        plan, turn = self.plan, self._turn
        fresh = self._inBody and not (self._partial or self._text or self._got)
        if fresh and data == plan.last[turn]:
            self._whole()
            return
        messages = self._parse(data)
        whole = self._inBody and not (self._partial or self._text)
        if fresh and whole and messages == plan.bursts[turn].messages:
            plan.last[turn] = data
        if messages:
            self._take(messages)

    def _parse(self, data: bytes) -> list[str]:
        messages: list[str] = []
        self._partial += data
        while self._partial:
            if not self._inBody:
                taken = http.takeHead(self._partial)
                if taken is None:
                    break
                head, rest = taken
                if head.status != 200 or head.length is not None:
                    raise WrongAnswer(f"not a stream: {self._partial!r:.300}")
                self._inBody, self._last, self._partial = True, head.last, rest
                continue
            chunk = http.takeChunk(self._partial)
            if chunk is None:
                break
            text, self._partial = chunk
            if text:
                *lines, self._text = (self._text + text).split(b"\n")
                for line in lines:
                    frame = self._frameIn(line.removesuffix(b"\r"))
                    if frame:
                        messages += self._frame(frame)
            else:
                self._again()
        return messages

    def _again(self) -> None:
        self._inBody = False
        if self._last:
            self._receiver.close()
            self._connect()
        else:
            self._receiver.send(self._numbered(self._ask))

    def _frameIn(self, line: bytes) -> bytes:
        return b"" if line == self.prelude else line


class EventSourceSession(StreamingSession):
    """``eventsource``: one ``data:`` line a frame."""

    __slots__ = ()

    transport = "eventsource"
    method = "GET"

    def _frameIn(self, line: bytes) -> bytes:
        if line and not line.startswith(b"data: "):
            raise WrongAnswer(f"not an event: {line!r:.80}")
        return line[6:].replace(b"%25", b"%")

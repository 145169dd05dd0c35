"""What every kind of session of the load client has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any

from benchmarks.client.burst import Burst
from benchmarks.client.connection import Target
from benchmarks.client.loop import Loop
from benchmarks.errors import WrongAnswer

_ids = count()


def _ignore(session: Session) -> None:
    """Nobody asked to be told."""


@dataclass(slots=True)
class Plan:
    """
    What the sessions of one kind share in one run.

    :ivar bursts: two of equal size; a session sends them in turn, so that an answer
        that comes twice is noticed at once.
    :ivar service: the path of the service, as ``/echo``.
    :ivar headers: header lines for each HTTP request.
    :ivar identified: whether each HTTP request has an ``X-Request-Id`` of its own, as
        load balancers add them.
    :ivar personal: whether each session has a cookie and an ``X-Forwarded-For`` of its
        own.
    :ivar patient: whether the client goes on while it connects.
    :ivar known: what was read before, and the messages that were found in it.  The
        same bytes need no second parsing: a look-up proves as much.
    :ivar last: for each of the bursts the bytes that answered it last, in one read.
    :ivar opened: called with a session once it can be used.
    :ivar answered: called with a session once its burst has come back.
    :ivar closed: called with a session once the server has closed, as it was asked to.
    """

    loop: Loop
    target: Target
    bursts: tuple[Burst, Burst]
    service: str = "/echo"
    headers: str = ""
    identified: bool = False
    personal: bool = False
    patient: bool = False
    known: dict[bytes, list[str]] = field(default_factory=dict)
    last: list[bytes] = field(default_factory=lambda: [b"", b""])
    opened: Callable[[Any], None] = _ignore
    answered: Callable[[Any], None] = _ignore
    closed: Callable[[Any], None] = _ignore

    def path(self) -> str:
        """The base URL's path of a new session."""
        return f"{self.service}/000/bench{next(_ids):06d}"

    def ownHeaders(self) -> str:
        """The header lines of a new session's requests."""
        if not self.personal:
            return self.headers
        number = next(_ids)
        return (
            f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}."
            f"{number & 255}\r\nCookie: session={number:032x}\r\n{self.headers}"
        )

    def remember(self, data: bytes, messages: list[str]) -> None:
        """``data`` was read, parsed, and found to hold ``messages``."""
        if len(self.known) > 5000:
            self.known.clear()
        self.known[data] = messages


class Session:
    """
    One SockJS session, or what stands for it with a server that is a floor.

    :ivar sentAt: when the burst was sent, in seconds of `perf_counter`.
    """

    __slots__ = ("_got", "_turn", "plan", "sentAt")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sentAt = 0.0
        self._turn = 0
        self._got: list[str] = []

    def send(self) -> None:
        """Send the next burst."""
        self.sentAt = perf_counter()
        self._write()

    def _write(self) -> None:
        raise NotImplementedError

    def _take(self, messages: list[str]) -> None:
        """
        Messages came.

        :raise WrongAnswer: they are not the burst's, in its order.
        """
        expected = self.plan.bursts[self._turn].messages
        got = self._got + messages if self._got else messages
        if got == expected:
            self._got = []
            self._whole()
        elif got == expected[: len(got)]:
            self._got = got
        else:
            raise WrongAnswer(f"{got!r:.200} instead of {expected!r:.200}")

    def _whole(self) -> None:
        """The whole burst came."""
        self._turn ^= 1
        self.plan.answered(self)

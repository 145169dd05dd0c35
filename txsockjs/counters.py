"""What a service has had to do: `Counters`, one `TransportCounters` a transport.

They are added to where the work is done, once for all that is done in one go, and are
put together when somebody reads them. Nothing sets one back.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import attrs
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from txsockjs.core.frames import Close
from txsockjs.errors import NO_CODE, SessionEnded, SockJSError

#: They stand for an end in good order for which the browser gave no code, and for one
#: without a close frame (RFC 6455, section 7.4.1).
NORMAL: Final = 1000
ABNORMAL: Final = 1006


@attrs.define(eq=False)
class TransportCounters:
    """
    Those of the sessions that one transport has opened.

    :ivar service: the service's name.
    :ivar transport: the transport's SockJS name.
    :ivar opened: sessions that were opened.
    :ivar closed: sessions that have ended, by close code.
    :ivar messagesIn: messages that came in for open sessions.
    :ivar messagesOut: messages that were given to a connection.
    :ivar bytesIn: the size of what came in, as JSON; on a raw WebSocket, as it is.
    :ivar bytesOut: the size of what went out, as JSON.
    :ivar highWater: the most bytes that a session has held which nobody had taken.
    """

    service: str
    transport: str
    opened: int = 0
    closed: Counter[int] = attrs.field(factory=Counter)
    messagesIn: int = 0
    messagesOut: int = 0
    bytesIn: int = 0
    bytesOut: int = 0
    highWater: int = 0

    @property
    def open(self) -> int:
        """
        Sessions that are open.
        """
        return self.opened - self.closed.total()

    def held(self, size: int) -> None:
        """
        A session has held so many bytes for its browser to come, or to catch up.
        """
        if size > self.highWater:
            self.highWater = size

    def ended(self, close: Close | None, reason: Failure) -> int:
        """
        A session has ended.

        :param close: the session's close frame, if it was the server that closed.
        :param reason: what the application is told.
        :return: the close code that it counts for.
        """
        error = reason.value
        if close is not None:
            code = close.code
        elif isinstance(error, SessionEnded) and error.code != NO_CODE:
            code = error.code
        else:
            code = NORMAL if isinstance(error, ConnectionDone) else ABNORMAL
        self.closed[code] += 1
        return code


class Counters(dict[str, TransportCounters]):
    """
    Those of one service, by transport.

    :ivar service: the service's name.
    :ivar refused: sessions and requests that were refused, by cause: the name of the
        exception that told it to the browser, or ``"Declined"`` for a factory that had
        no protocol, ``"TimedOut"`` for an ``authorize`` that took too long, and
        ``"Fault"`` for one of the two that raised.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service
        self.refused: Counter[str] = Counter()

    def refuse(self, error: SockJSError) -> None:
        """
        Something was refused, for this reason.
        """
        self.refused[type(error).__name__] += 1

    def __missing__(self, transport: str) -> TransportCounters:
        counters = self[transport] = TransportCounters(self.service, transport)
        return counters

    @property
    def open(self) -> int:
        """
        Sessions that are open.
        """
        return sum(counters.open for counters in self.values())

    @property
    def opened(self) -> Counter[str]:
        """
        Sessions that were opened, by transport.
        """
        return +Counter({name: counters.opened for name, counters in self.items()})

    @property
    def closed(self) -> Counter[tuple[str, int]]:
        """
        Sessions that have ended, by transport and close code.
        """
        return Counter(
            {
                (name, code): count
                for name, counters in self.items()
                for code, count in counters.closed.items()
            }
        )


@attrs.define(eq=False)
class RoomsCounters:
    """
    Those of the rooms of a process.

    :ivar name: what the rooms are called.
    :ivar up: whether the broker can be asked.
    :ivar rooms: rooms that have members.
    :ivar members: members of all of them: one session counts in each room.
    :ivar published: messages that the broker has taken.
    :ivar delivered: messages that were given to members, once for each.
    :ivar recovered: those of them that were read from a history.
    :ivar gaps: how often members were told that messages are missing: each member that
        came back, and each room after the broker was away.
    :ivar refused: what was refused, by the name of the exception that told it.
    """

    name: str
    up: bool = False
    rooms: int = 0
    members: int = 0
    published: int = 0
    delivered: int = 0
    recovered: int = 0
    gaps: int = 0
    refused: Counter[str] = attrs.field(factory=Counter)

    def refuse(self, error: SockJSError) -> None:
        """
        Something was refused, for this reason.
        """
        self.refused[type(error).__name__] += 1


@attrs.define(eq=False)
class ClusterCounters:
    """
    Those of what a process passes on to others, and gets from them.

    :ivar passed: requests that were passed on, and answered by another process.
    :ivar handed: connections that were handed to another process.
    :ivar received: requests that other processes have passed on.
    :ivar adopted: connections that other processes have handed over.
    :ivar refused: requests that could not be passed on, or were no peer's, by the name
        of the exception that told it.
    """

    passed: int = 0
    handed: int = 0
    received: int = 0
    adopted: int = 0
    refused: Counter[str] = attrs.field(factory=Counter)

    def refuse(self, error: SockJSError) -> None:
        """
        Something was refused, for this reason.
        """
        self.refused[type(error).__name__] += 1

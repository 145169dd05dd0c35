"""The open sessions of a service, for a page or a program that looks after them.

::

    sessions = site.openSessions("chat")
    for info in sessions:
        print(info.key, info.transport, info.peer, info.avatar, info.age, info.pending)
    sessions.tell("The server restarts at noon.")
    sessions.close(info.key, 4001, "Come back tomorrow")

They are those of this process. Nothing is kept for it: whoever does not ask pays
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import attrs
from twisted.internet.interfaces import IAddress

from txsockjs.core.frames import Close
from txsockjs.core.service import Service
from txsockjs.errors import checkCloseCode
from txsockjs.interfaces import IHostedSession
from txsockjs.transport import SessionTransport
from txsockjs.utils import broadcast

__all__ = ["SessionInfo", "Sessions"]

_Avatar = TypeVar("_Avatar")


@attrs.frozen
class SessionInfo(Generic[_Avatar]):
    """
    What is known of a session that is open, as it was when it was listed.

    :ivar key: the session's number, which it keeps and no other session of the service
        gets: what `Sessions.close` takes. It is not the session's id, which is a
        secret: who knows that can take the session.
    :ivar transport: the SockJS name of the transport that opened it, such as
        ``"websocket"``.
    :ivar peer: the client's address, from the option ``proxy_header`` if that is set.
    :ivar avatar: who is calling: what the option ``authorize`` returned.
    :ivar since: when it was opened, in seconds, by the service's clock. With a reactor
        for that, it is the time since 1970.
    :ivar age: for how many seconds it has been open.
    :ivar pending: how many bytes were written to it and not taken by the client, as
        they count for the option ``max_buffer``.
    """

    key: int
    transport: str
    peer: IAddress
    avatar: _Avatar
    since: float
    age: float
    pending: int


class Sessions(Generic[_Avatar]):
    """
    The sessions of a service that are open. Each call sees those of its own time.
    """

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def __len__(self) -> int:
        """
        How many there are, those included that wait for ``authorize``.
        """
        return len(self._service)

    def __iter__(self) -> Iterator[SessionInfo[_Avatar]]:
        """
        What is known of each, the oldest first. Whoever shows a part of very many
        takes that part: what follows is not asked for.
        """
        now = self._service.clock.seconds()
        for key, session in self._service.listed():
            transport = _transport(session)
            avatar: Any = transport.avatar
            yield SessionInfo(
                key,
                transport.request.transport,
                transport.request.peer,
                avatar,
                session.since,
                max(0.0, now - session.since),
                session.pending,
            )

    def tell(self, message: bytes | str) -> int:
        """
        Send one message to all of them, encoded once. It is sent as it is: where
        sessions are multiplexed, a topic's ``broadcast`` is what their clients read.

        :param message: text, or bytes as for ``write``.
        :return: how many it was sent to.
        :raise TypeError: if it is neither bytes nor str.
        """
        targets = [_transport(session) for _, session in self._service.listed()]
        broadcast(message, targets)
        return len(targets)

    def close(self, key: int, code: int = 3000, reason: str = "Go away!") -> bool:
        """
        Close one when it has what was written to it before, as a service that stops
        does: a producer is not waited for.

        :param key: which, as it was listed.
        :param code: the close code that the client sees: 1000 to 1003, 1007 to 1014,
            or 3000 to 4999.
        :param reason: the reason that it sees.
        :return: whether it was open.
        :raise ValueError: for a code that cannot be sent.
        """
        checkCloseCode(code)
        session = self._service.numbered(key)
        if session is None:
            return False
        session.close(Close(code, reason))
        return True

    def abort(self, key: int) -> bool:
        """
        Drop one with its connection, now, and what was not delivered to it.

        :param key: which, as it was listed.
        :return: whether it was open.
        """
        session = self._service.numbered(key)
        if session is None:
            return False
        session.abort()
        return True


def _transport(session: IHostedSession) -> SessionTransport:
    transport: SessionTransport = session.application
    return transport

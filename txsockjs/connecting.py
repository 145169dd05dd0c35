"""A connection of sockjs-tornado, and the session under it: `SockJSConnection`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Final, TypeAlias
from typing import Protocol as Shape
from uuid import uuid4

from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.averages import StatsCollector
from txsockjs.interfaces import ISockJSMessageReceiver, ISockJSTransport
from txsockjs.vocabulary import ConnectionInfo, rejection

CONNECTING: Final = 0
OPEN: Final = 1
CLOSING: Final = 2
CLOSED: Final = 3


class SockJSConnection:
    """
    One session, as something to derive from.

    :ivar session: the session under it: a `Session`, or the `BaseSession` of an
        application that carries several over one.
    """

    def __init__(self, session: BaseSession) -> None:
        self.session = session

    def on_open(self, request: ConnectionInfo, /) -> object:
        """
        The session is open. Where this returns False, it is closed with 3000; where it
        raises `Rejected <txsockjs.errors.Rejected>`, with the code and the reason of
        that; and what has an HTTP status as ``status_code``, such as Tornado's
        ``HTTPError``, closes it with 4000 and the status: 4403 for 403. Then too
        ``on_close`` is called.

        :param request: the request that opened it.
        """
        return None

    def on_message(self, message: str, /) -> object:
        """
        One message came in.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has no on_message")

    def on_close(self) -> object:
        """
        The session has ended.
        """
        return None

    def send(self, message: str | bytes, binary: bool = False) -> None:
        """
        Send one message. Without effect once the session is closed.

        :param message: text, or bytes in UTF-8.
        :param binary: whether a raw WebSocket sends a binary message; all else has
            messages of text alone.
        :raise TypeError: for a message that is neither.
        """
        if not self.is_closed:
            self.session.send_message(message, binary=binary)

    def broadcast(
        self, clients: Iterable[SockJSConnection], message: str | bytes
    ) -> None:
        """
        Send one message to many connections: it is encoded once for all of them.

        :param clients: the connections; one that is closed is skipped.
        :param message: as for `send`.
        """
        self.session.broadcast(clients, message)

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """
        Close when what was sent has been delivered. ``on_close`` is called when that is
        done, and never from in here.

        :param code: the close code that the browser sees.
        :param reason: the reason that the browser sees.
        :raise ValueError: for a code that cannot be sent.
        """
        self.session.close(code, reason)

    @property
    def is_closed(self) -> bool:
        """
        Whether it is closed, or about to be.
        """
        return self.session.is_closed


#: What makes a connection: its class.
MakeConnection: TypeAlias = "Callable[[Any], SockJSConnection]"


class SessionServer(Shape):
    """
    What a session needs of what it is in.
    """

    @property
    def stats(self) -> StatsCollector: ...

    def broadcast(
        self, clients: Iterable[SockJSConnection], msg: str | bytes
    ) -> None: ...


class BaseSession:
    """
    What is under a connection, without what carries it: to derive from, for channels
    that an application carries over one session. Such a class has ``send_message``.

    :ivar server: the router, or the factory where there is no router.
    :ivar stats: what counts sessions and messages.
    :ivar conn: the connection; None once it is closed.
    :ivar conn_info: the opening request.
    :ivar handler: what carries it.
    :ivar state: ``CONNECTING``, ``OPEN``, ``CLOSING`` or ``CLOSED``.
    :ivar close_reason: the code and the reason that it was closed with.
    """

    _log = Logger()
    transport_name: Any = ""

    def __init__(self, conn: MakeConnection, server: SessionServer) -> None:
        """
        :param conn: the class of the connection.
        """
        self.server = server
        self.stats: StatsCollector = server.stats
        self.handler: Any = None
        self.state: int = CONNECTING
        self.conn_info: Any = None
        self.close_reason: tuple[int, str] | None = None
        self.conn: SockJSConnection | None = conn(self)

    def set_handler(self, handler: Any) -> bool:
        """
        It is carried by this, which has a ``name`` and ``get_conn_info()``.

        :raise RuntimeError: if something carries it already.
        """
        if self.handler is not None:
            raise RuntimeError(f"{self.handler!r} carries it already")
        self.handler = handler
        self.transport_name = handler.name
        if self.conn_info is None:
            self.conn_info = handler.get_conn_info()
            self.stats.on_sess_opened(self.transport_name)
        return True

    def remove_handler(self, handler: Any) -> None:
        """
        It is carried by this no more.

        :raise RuntimeError: if it was not.
        """
        if self.handler is not handler:
            raise RuntimeError(f"it is not carried by {handler!r}")
        self.handler = None

    def verify_state(self) -> None:
        """
        Open it, unless it was opened before.
        """
        if self.state == CONNECTING and self.conn is not None:
            self.state = OPEN
            self.conn.on_open(self.conn_info)

    def close(self, code: int = 3000, message: str = "Go away!") -> None:
        """
        It has ended.
        """
        if self.state == CLOSED or self.conn is None:
            return
        conn, self.conn = self.conn, None
        try:
            conn.on_close()
        except Exception:
            self._log.failure("{connection!r} raised in on_close.", connection=conn)
        self.state = CLOSED
        self.close_reason = (code, message)
        self.stats.on_sess_closed(self.transport_name)
        closed = getattr(self.handler, "session_closed", None)
        if closed is not None:
            closed()

    def get_close_reason(self) -> tuple[int, str]:
        """
        The code and the reason that it was closed with.
        """
        return self.close_reason or (3000, "Go away!")

    @property
    def is_closed(self) -> bool:
        """
        Whether it is closed, or about to be.
        """
        return self.state in (CLOSING, CLOSED)

    def send_message(
        self, msg: str | bytes, stats: bool = True, binary: bool = False
    ) -> None:
        """
        Send one message.

        :param stats: whether it is counted.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has no send_message")

    def broadcast(self, clients: Iterable[SockJSConnection], msg: str | bytes) -> None:
        """
        Send one message to many connections.
        """
        self.server.broadcast(clients, msg)


class Session(BaseSession):
    """
    What is under the connection of a SockJS session.

    :ivar transport: the session as a `ISockJSTransport`.
    """

    conn: SockJSConnection

    def __init__(
        self, conn: MakeConnection, server: SessionServer, transport: ISockJSTransport
    ) -> None:
        self.transport: Any = transport
        self.transport_name: str = transport.request.transport
        self.rejected: bool = False
        super().__init__(conn, server)
        self.conn_info: Any = ConnectionInfo(transport.request)
        self.stats.on_conn_opened()
        self.stats.on_sess_opened(self.transport_name)

    @cached_property
    def session_id(self) -> str:
        """
        A name for it that no other has. It is not the one in the URL: who knows that
        can take the session.
        """
        return uuid4().hex

    def verify_state(self) -> None:
        """
        Open it, or close it where the connection rejects it.
        """
        self.state = OPEN
        code, reason = 3000, "Go away!"
        try:
            if self.conn.on_open(self.conn_info) is not False:
                return
        except Exception as error:
            close = rejection(error)
            if close is None:
                raise
            code, reason = close
        self.rejected = True
        self.close(code, reason)

    def send_message(
        self, msg: str | bytes, stats: bool = True, binary: bool = False
    ) -> None:
        if isinstance(msg, str):
            if binary:
                self.transport.sendBinary(msg.encode("utf-8", "surrogatepass"))
            else:
                self.transport.sendMessage(msg)
        elif isinstance(msg, bytes):
            (self.transport.sendBinary if binary else self.transport.write)(msg)
        else:
            raise noMessage("send", msg)
        if stats:
            self.stats.on_pack_sent(1)

    def close(self, code: int = 3000, message: str = "Go away!") -> None:
        """
        Close when what was sent has been delivered.
        """
        if not self.is_closed:
            self.transport.loseConnection(code, message)
            self.state = CLOSING
            self.close_reason: tuple[int, str] = (code, message)

    @property
    def is_closed(self) -> bool:
        return bool(self.transport.disconnecting or not self.transport.connected)

    def received(self, message: str) -> None:
        """
        One message came in.
        """
        self.stats.on_pack_recv(1)
        self.conn.on_message(message)

    def lost(self) -> None:
        """
        The session has ended.
        """
        self.state: int = CLOSED
        self.stats.on_sess_closed(self.transport_name)
        self.stats.on_conn_closed()
        try:
            self.conn.on_close()
        except Exception as error:
            if not self.rejected:
                raise
            # It takes leave of what it has never been with.
            self._log.debug(
                "{connection!r} has rejected its session, and then raised {error!r}.",
                connection=self.conn,
                error=error,
            )


def noMessage(where: str, message: object) -> TypeError:
    """
    The error for a message that is neither str nor bytes.
    """
    kind = type(message).__name__
    return TypeError(f"{where} takes str or bytes, not {kind}; json.dumps makes a str")


@implementer(ISockJSMessageReceiver)
class ConnectionProtocol(Protocol):
    """
    A connection, as a protocol.
    """

    transport: Any = None
    _session: Session | None = None

    def __init__(self, connection: MakeConnection, server: SessionServer) -> None:
        self._connection = connection
        self._server = server

    def connectionMade(self) -> None:
        session = Session(self._connection, self._server, self.transport)
        self._session = session
        session.verify_state()

    def messageReceived(self, message: str) -> None:
        if self._session is not None:
            self._session.received(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._session is not None:
            self._session.lost()

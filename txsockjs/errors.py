"""The exceptions of txsockjs.

::

    SockJSError
    +-- OptionError (also ValueError)    a setting that cannot be used
    +-- PrefixError (also ValueError)    two services on one URL, or no URL at all
    +-- InvalidURL (also ValueError)     a URL that no client can connect to
    +-- ConnectFailed (also ConnectError)    why a client's ``connect`` failed
        +-- RequestFailed                a request, or the way to the server, has failed
        +-- InfoFailed                   no ``info`` that can be used at this URL
        +-- TransportFailed              one transport did not open a session
        +-- AllTransportsFailed          no transport did, and why
    +-- NothingToCheck                   no server for ``txsockjs check``, or no echo
    +-- Rejected                         raised by ``authorize``, to refuse a session
    +-- BrokerUnavailable                the broker of rooms did not answer
    +-- RoomError                        a room refuses what was asked of it
        +-- AlreadyMember                the session is in the room
        +-- RoomFull                     it has as many members as it may
        +-- TooManyRooms                 the session is in as many rooms as it may be
        +-- RoomValueError (also ValueError)    a name, info or message that will not do
    +-- SessionEnded                     why a session ended, with a close code
        +-- SessionClosed (also ConnectionDone)    it was closed in good order
        +-- SessionFailed (also ConnectionLost)    the peer did what it must not,
            or a client's connection broke
            +-- TooLarge         1009    more than a client's ``max_message_size``
        +-- SessionRefused (also ConnectError)    the server opens no session for
            this client, and says why
    +-- WireError                        a request that the protocol refuses
        +-- PayloadExpected     500      a send without a body
        +-- BrokenJSON          500      a body that is not an array of strings
        +-- CallbackRequired    500      jsonp or htmlfile without ``c``
        +-- InvalidCallback     500      a ``c`` that is no plain name
        +-- NotFound            404      a URL that is none of the service's
        +-- NotAWebSocket       400      a WebSocket URL without "Upgrade: websocket"
        +-- NotAnUpgrade        400      the same without "Connection: Upgrade"
        +-- BadHandshake        400      an opening handshake that is not in order
        +-- WrongVersion        426      a version of WebSocket that is not spoken
        +-- NoWebSocketHere     400      an upgrade at a URL that is no WebSocket
        +-- OriginRefused       403      an origin outside the option ``origins``
        +-- UnknownSession      404      a send to a session that is not open
        +-- MessageTooBig       413      more than the option ``max_message_size``
        +-- NotReading          503      a send to an application that stopped reading
        +-- ServiceFull         503      the option ``max_sessions`` is reached
        +-- ServiceStopping     503      the service is being shut down
        +-- SessionLost         404      the process that had the session is gone
        +-- PeerUnavailable     503      the process that has it cannot be reached
        +-- OwnerUnknown        503      nobody can tell which process has it
        +-- NotHere             421      told to a process that asks whether it is here
        +-- NotAPeer            401      passed on by somebody who may not

A `WireError` knows the HTTP status and the text that answer the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

#: The code of a close frame that has none (RFC 6455, section 7.1.5).
NO_CODE: Final = 1005


def checkCloseCode(code: int) -> None:
    """
    Check that an application may close with this code: one of those that RFC 6455,
    section 7.4, lets an endpoint send.

    :raise TypeError: if it is not an int.
    :raise ValueError: if it may not.
    """
    if isinstance(code, bool) or not isinstance(code, int):
        raise TypeError(f"a close code is an int, not {code!r}")
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise ValueError(
            f"a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999, not {code}"
        )


class SockJSError(Exception):
    """
    What every exception of this package is.
    """


class OptionError(SockJSError, ValueError):
    """
    An option has an unknown name, or a value that it cannot have.

    :ivar name: the option's name, as it was given.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"SockJS option {name!r}: {problem}")
        self.name = name


class PrefixError(SockJSError, ValueError):
    """
    A service cannot be added at this URL prefix.
    """


class NothingToCheck(SockJSError):
    """
    A conformance check cannot begin: nothing answers at the URL, or no SockJS service
    does, or one that does not send back what it is sent.
    """


class Rejected(SockJSError):
    """
    What the option ``authorize`` raises to turn a browser away.

    :ivar code: the close code that it sees, 1000 to 4999.
    :ivar reason: the reason that it sees.
    """

    def __init__(self, code: int = 4401, reason: str = "Unauthorized") -> None:
        checkCloseCode(code)
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class BrokerUnavailable(SockJSError):
    """
    What joins the rooms of all processes is not there, or did not answer in time.

    :ivar uncertain: whether it may have done what it was asked for: it went before it
        answered. A message that is published again then may be there twice.
    """

    def __init__(self, problem: str, uncertain: bool = False) -> None:
        super().__init__(problem)
        self.uncertain = uncertain


class RoomError(SockJSError):
    """
    A room refuses what was asked of it.
    """


class AlreadyMember(RoomError):
    """
    The session is a member of the room, or about to be.
    """


class RoomFull(RoomError):
    """
    The room has as many members as it may have.
    """


class TooManyRooms(RoomError):
    """
    The session is in as many rooms as it may be in.
    """


class RoomValueError(RoomError, ValueError):
    """
    The name of a room, the info of a member or a message will not do: it is too large,
    or what it must not be.
    """


class SessionEnded(SockJSError):
    """
    A session has ended with a code and a reason. It is what ``connectionLost`` is told.

    :ivar code: the close code; 1005 where the peer gave none.
    :ivar reason: the reason that goes with it.
    """

    def __init__(self, code: int = NO_CODE, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code} {self.reason!r}"


class SessionClosed(SessionEnded, ConnectionDone):
    """
    The session was closed in good order, with this code and reason: by the peer, or at
    a client's end by the client itself.
    """


class SessionFailed(SessionEnded, ConnectionLost):
    """
    The peer did what it must not, and was told so with this code and reason. For a
    client it is also what broke; that has the code 1006 where there is no other.
    """


class TooLarge(SessionFailed):
    """
    A server has sent a client more in one message or frame than it takes.
    """

    def __init__(self, size: int, allowed: int) -> None:
        """
        :param size: how many bytes there are, or are already.
        :param allowed: the value of the client's ``max_message_size``.
        """
        super().__init__(
            1009,
            f"{size} bytes or more came in as one; max_message_size allows {allowed}",
        )


class SessionRefused(SessionEnded, ConnectError):
    """
    A server has refused to open a session for a client, with a code and a reason that
    are its application's own.
    """


class InvalidURL(SockJSError, ValueError):
    """
    A client cannot connect to this URL.
    """


class ConnectFailed(SockJSError, ConnectError):
    """
    A client's ``connect`` has failed.

    :ivar reason: why, in one line.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(string=reason)  # type: ignore[no-untyped-call]
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class RequestFailed(ConnectFailed):
    """
    A client's HTTP request has failed, or there is no way to the server, through its
    proxy where there is one.
    """


class InfoFailed(ConnectFailed):
    """
    What is at the URL is no SockJS service, or it does not answer.
    """


class TransportFailed(ConnectFailed):
    """
    A transport did not open a session.
    """


class AllTransportsFailed(ConnectFailed):
    """
    None of the transports opened a session.

    :ivar failures: the name of each that was tried, in order, and its exception.
    """

    def __init__(self, url: str, failures: Sequence[tuple[str, BaseException]]) -> None:
        """
        :param url: the base URL of the service.
        """
        each = "; ".join(
            f"{name}: {error or type(error).__name__}" for name, error in failures
        )
        super().__init__(f"no transport to {url} works: {each or 'none is allowed'}")
        self.failures: tuple[tuple[str, BaseException], ...] = tuple(failures)


class WireError(SockJSError):
    """
    A request is refused.
    """

    #: The HTTP status of the answer.
    status: ClassVar[int] = 500

    #: The plain text in its body.
    text: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__(self.text)


class PayloadExpected(WireError):
    """
    A send came without a body, or without its ``d``.
    """

    text = "Payload expected."


class BrokenJSON(WireError):
    """
    What a send brought is no JSON array of strings.
    """

    text = "Broken JSON encoding."


class CallbackRequired(WireError):
    """
    A transport that calls a function was not told which.
    """

    text = '"callback" parameter required'


class InvalidCallback(WireError):
    """
    A ``c`` that is no plain name, or is too long.
    """

    text = 'invalid "callback" parameter'


class NotFound(WireError):
    """
    A URL that is none of the service's.
    """

    status = 404
    text = "There is nothing here."


class NotAWebSocket(WireError):
    """
    A WebSocket's URL was asked for without ``Upgrade: websocket``.
    """

    status = 400
    text = 'Can "Upgrade" only to "WebSocket".'


class NotAnUpgrade(WireError):
    """
    The same with ``Upgrade``, and without ``Connection: Upgrade``.
    """

    status = 400
    text = '"Connection" must be "Upgrade".'


class BadHandshake(WireError):
    """
    The opening handshake of a WebSocket is not in order.
    """

    status = 400
    text = "This is no WebSocket handshake."


class WrongVersion(WireError):
    """
    A handshake for a version of WebSocket that is not spoken. The answer names the
    one that is.
    """

    status = 426
    text = "This version of WebSocket is not spoken here."


class NoWebSocketHere(WireError):
    """
    An upgrade at a URL that is no WebSocket.
    """

    status = 400
    text = (
        "There is no WebSocket at this URL. A client without SockJS adds /websocket to "
        "the URL of the service."
    )


class OriginRefused(WireError):
    """
    An origin may not use the service: it is not among the option ``origins``.

    :ivar origin: the origin.
    """

    status = 403
    text = "This origin may not use this service."

    def __init__(self, origin: str = "") -> None:
        super().__init__()
        self.origin = origin


class UnknownSession(WireError):
    """
    Something was sent to a session that is not open.
    """

    status = 404
    text = "No such session."


class MessageTooBig(WireError):
    """
    A body or message has more than the option ``max_message_size`` allows.
    """

    status = 413
    text = "The message is larger than this service accepts."


class NotReading(WireError):
    """
    Something was sent to an application that has paused, and for which as much
    waits as may.
    """

    status = 503
    text = "The session holds as many unread messages as it may."


class ServiceFull(WireError):
    """
    As many sessions are open as the option ``max_sessions`` allows.
    """

    status = 503
    text = "The service has as many sessions as it may."


class ServiceStopping(WireError):
    """
    The service is being shut down, or has been.
    """

    status = 503
    text = "The service is stopping."


class SessionLost(WireError):
    """
    The process that had the session is gone.
    """

    status = 404
    text = "This session was lost with the process that had it."


class PeerUnavailable(WireError):
    """
    The process that has the session cannot be reached.
    """

    status = 503
    text = "The process that has this session cannot be reached."


class OwnerUnknown(WireError):
    """
    Nobody can tell which process has the session.
    """

    status = 503
    text = "It cannot be found out which process has this session."


class NotHere(WireError):
    """
    What a process is told that asks another one whether it has a session.
    """

    # RFC 9110, section 15.5.20.
    status = 421
    text = "This session is not here."


class NotAPeer(WireError):
    """
    A request that says to be passed on, from somebody who may not pass any on.
    """

    status = 401
    text = "This is for the servers of one cluster."

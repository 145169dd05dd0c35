"""The seams of txsockjs.

Applications meet `ISockJSTransport` and, when they like, `ISockJSMessageReceiver` and
`ISockJSBinaryReceiver`. The others stand between the rooms of the package: a `Session
<txsockjs.core.session.Session>` talks to an `IApplication` above it, to which it is an
`ISession`, an `IReceiver` below it and an `ISessionHost` beside it, and knows nothing
else of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import Attribute

from txsockjs._checkers import Interface

if TYPE_CHECKING:
    from txsockjs.core.frames import Close, Frame, Message
    from txsockjs.core.states import State
    from txsockjs.options import SockJSOptions
    from txsockjs.request import OpeningRequest


class IMessageTransport(ITransport, IConsumer, IPushProducer):
    """
    What the ``transport`` of a protocol provides, at either end of a session.

    Each `write` is one SockJS message. As a producer it is the inbound side: while
    it is paused, nothing is delivered and the peer is held back.
    """

    pending: int = Attribute(
        "How many bytes were written and not taken by the peer, as they count for the "
        "option ``max_buffer``."
    )
    crowded: bool = Attribute(
        "Whether whoever writes should wait until `whenDrained` fires: 64 KiB are "
        "pending, or half of ``max_buffer`` if that is less; or so much was written in "
        "this turn of the reactor. Who waits then, and sends no message larger than "
        "half of ``max_buffer``, is never closed because of what is pending."
    )

    def whenDrained() -> Deferred[None]:
        """
        Wait until the peer has taken what was written.

        :return: what fires when all is taken, so far as nobody has to wait for it, or
            the session has ended. It never fails.
        """

    def whenEnded() -> Deferred[None]:
        """
        Wait for the end of the session: for whoever has to do with a session, and not
        with its protocol.

        :return: what fires when the session has ended and its protocol was told, or at
            once if that is so. It never fails.
        """

    def sendBinary(data: bytes) -> None:
        """
        Send one message of bytes. A raw WebSocket sends them as a binary message; all
        else has messages of text alone, and gets what `write` would send.

        :raise TypeError: if ``data`` is not bytes.
        """

    def sendMessage(message: str) -> None:
        """
        Send one message of text, exactly as it is.

        :raise TypeError: if ``message`` is not a str.
        """

    def sendPrepared(message: Message) -> None:
        """
        Send a message that is shared with other sessions, encoded once for all.
        """

    def loseConnection(code: int = 3000, reason: str = "Go away!") -> None:
        """
        Deliver what was written before, then close.

        :param code: the close code that the peer sees: 1000 to 1003, 1007 to 1014,
            or 3000 to 4999; those from 3000 on are for applications.
        :param reason: the reason that the peer sees.
        :raise ValueError: for a code that cannot be sent.
        """

    def abortConnection() -> None:
        """
        Drop the session at once; what was not delivered is lost.
        """


class ISockJSTransport(IMessageTransport):
    """
    What the ``transport`` of a wrapped protocol provides, at the server's end.
    """

    request: OpeningRequest = Attribute(
        "The `OpeningRequest <txsockjs.request.OpeningRequest>`: path, arguments, "
        "headers, cookies and transport of the request that opened the session."
    )
    avatar: Any = Attribute("Who is calling: what the option ``authorize`` returned.")


class ISockJSMessageReceiver(Interface):
    """
    A protocol that provides this gets text as it was sent, in place of
    ``dataReceived`` with bytes.
    """

    def messageReceived(message: str) -> None:
        """
        One message came in.

        :param message: the text, with the lone surrogates that JavaScript can send.
        """


class ISockJSBinaryReceiver(ISockJSMessageReceiver):
    """
    A protocol that provides this is told which messages were binary. Those exist on raw
    WebSockets alone; without this they are decoded.
    """

    def binaryReceived(data: bytes) -> None:
        """
        One binary message came in.
        """


class IMessageSession(Interface):
    """
    What a transport needs of the session under it, at either end.
    """

    pending: int = Attribute(
        "How many bytes wait because the peer has not taken them yet."
    )
    crowded: bool = Attribute("Whether these are so many that who sends should wait.")

    def close(close: Close) -> None:
        """
        Deliver what was sent before, then this. The application hears of the end
        when its call is over.
        """

    def fail(close: Close, reason: Failure) -> None:
        """
        Close because of a fault. The application hears of the end when its call is
        over.
        """

    def abort() -> None:
        """
        End at once. The application hears of it when its call is over.
        """

    def pauseReceiving() -> None:
        """
        Deliver nothing to the application until `resumeReceiving`.
        """

    def resumeReceiving() -> None:
        """
        Deliver what was held back, in the next turn of the reactor, and go on.
        """


class ISession(IMessageSession):
    """What the server's transport needs of the session under it. It is a `Session
    <txsockjs.core.session.Session>`, or a channel of one.
    """

    def send(message: Message) -> None:
        """
        Send one message. Without effect once the session is closing.
        """


class IHostedSession(ISession):
    """
    What the collection that a session is in needs of it.
    """

    application: Any = Attribute(
        "The `IApplication`, while it may be told of anything: a transport, too."
    )
    counters: Any = Attribute("What it adds to what its service has done.")
    closeFrame: Close | None = Attribute(
        "What its peer is told at the end, once it is known."
    )
    owner: object = Attribute("Who may use it besides knowing its id.")
    since: float = Attribute("When it was opened, by the host's clock.")
    state: State = Attribute("Its `State <txsockjs.core.states.State>`.")
    settled: bool = Attribute("Whether nothing is left to deliver, its end included.")

    def expire() -> None:
        """
        Nobody came in time, or nobody needs to come any more.
        """

    def flush() -> None:
        """
        Hand over as much of what waits as the receiver takes now.
        """


class IApplication(Interface):
    """
    What a session needs of the side that the application is on.

    None of the methods raises.
    """

    listening: bool = Attribute("Whether somebody waits for ``sessionDrained``.")

    def sessionOpened() -> None:
        """
        The session is open: the peer was told, and messages may be sent.
        """

    def sessionReceived(message: str | bytes) -> None:
        """
        One message came in: text, or bytes from a raw WebSocket's binary message.
        """

    def sessionDrained() -> None:
        """
        All that was sent has been taken by the receiver. Not called where nobody was
        `listening` when it was.
        """

    def sessionLost(reason: Failure) -> None:
        """
        The session has ended. Called once, and nothing is called after it.
        """


class IReceiver(Interface):
    """
    Something that takes frames to the browser: a response, or a WebSocket.

    Any of these methods may call back into the session.
    """

    carried: int = Attribute(
        "How many bytes of frames it has carried, if it is a response."
    )
    finished: bool = Attribute(
        "True once it has taken the last frame that it can take."
    )
    heard: bool = Attribute(
        "Set True when the peer of a persistent receiver sends anything at all."
    )
    session: Any = Attribute("The session that it serves, which sets this, or None.")
    persistent: bool = Attribute(
        "True where its life is the session's life (WebSocket)."
    )

    def follows(former: IReceiver) -> bool:
        """
        Whether it is written to the same connection as one that the session had before:
        what that was given goes before.
        """

    def sendFrame(frame: Frame) -> bool:
        """
        Write one frame out. It does not end the response: `finish` follows where it
        was the last one.

        :return: whether it can take another one now. If not, and it is not finished, it
            tells the session when it can (`Session.resume
            <txsockjs.core.session.Session.resume>`).
        """

    def ping() -> None:
        """
        Ask the peer of a persistent receiver for a sign of life.
        """

    def finish() -> None:
        """
        End it in good order: no frame follows.
        """

    def abort() -> None:
        """
        Drop the connection under it, with what it has not delivered yet.
        """

    def pendingBytes() -> int:
        """
        How many bytes, taken from the session, wait on this side until the peer takes
        others. What is only on its way does not count.
        """

    def heldBytes() -> int:
        """
        How many bytes, taken from the session, the peer has not taken yet, as far as
        that can be known.
        """

    def takenBytes() -> int:
        """
        A number that changes when the peer takes some of them, and does not while it
        takes none and none are written.
        """

    def isCut() -> bool:
        """
        Whether the connection is gone, and some of them with it: nobody delivers those
        any more.
        """


class ISessionHost(Interface):
    """
    What a session needs of the collection that it is in.
    """

    clock: IReactorTime = Attribute("What tells the time.")
    endOfTurn: Any = Attribute(
        "Its ``add(session)`` has ``session.flush()`` called, when this turn of the "
        "reactor ends."
    )
    logsSessions: bool = Attribute(
        "Whether it is told of those that `began` and `ended`."
    )
    options: SockJSOptions = Attribute("The service's options.")
    timers: Any = Attribute(
        "Its ``add(due, session)`` has ``session.timeUp()`` called when that is due; "
        "``remove(due, session)`` takes that back."
    )

    def began(session: IHostedSession) -> None:
        """
        A session was opened.
        """

    def ended(session: IHostedSession, code: int) -> None:
        """
        A session that was opened has ended, for this close code.
        """

    def closed(session: IHostedSession) -> None:
        """
        The session no longer counts as open, though its close frame may still be
        wanted.
        """

    def told(session: IHostedSession) -> None:
        """
        A session over HTTP has told its end. It stays to tell it again.
        """

    def failed(session: IHostedSession, reason: Failure) -> None:
        """
        Something that the session called has raised what it should not.
        """

    def overflowed(session: IHostedSession, held: int) -> None:
        """
        The session holds more than the option ``max_buffer`` allows, and is about to be
        closed.
        """

    def forget(session: IHostedSession, close: Close, before: State) -> None:
        """
        The session is over.

        :param close: what its peer is told, should it come again.
        :param before: the `State <txsockjs.core.states.State>` that it was in.
        """

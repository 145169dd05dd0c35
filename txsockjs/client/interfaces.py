"""The seams of the client.

A `ClientSession <txsockjs.client.session.ClientSession>` talks to an `ICarrier` below
it, to which it is an `ICarried`, and knows neither HTTP nor WebSocket.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import Attribute

from txsockjs._checkers import Interface


class ICarrier(Interface):
    """
    What carries one session to the server and back: a WebSocket, or a pair of HTTP
    requests. It makes one attempt.

    Nothing is called on it after it has called `ICarried.carrierLost`.
    """

    pending: int = Attribute(
        "How many bytes it was given and the network has not taken yet, as far as it "
        "can know: a WebSocket's until its transport takes more, a request's until it "
        "is answered."
    )
    peer: Any = Attribute(
        "The server's address, or that of the proxy; None until connected."
    )
    host: Any = Attribute("The address on this side; None until it is connected.")
    certificate: Any = Attribute("The server's certificate, or None without TLS.")
    subprotocol: str | None = Attribute(
        "The subprotocol that the server has chosen, or None."
    )

    def start() -> None:
        """
        Begin. What comes of it is told to the session, never before this returns.
        """

    def send(message: str | bytes) -> None:
        """
        Carry one message, in order behind those before it. Called once the session is
        open.

        :param message: text. Bytes only where it is a raw WebSocket.
        """

    def close(code: int, reason: str) -> None:
        """
        Carry what was given before, then end in good order. `ICarried.carrierLost`
        follows, in bounded time, whatever the server does.

        :param code: what a WebSocket tells the server.
        :param reason: the text that goes with it.
        """

    def abort() -> None:
        """
        End now; what was not carried yet is lost. `ICarried.carrierLost` follows, not
        before this returns.
        """

    def pauseReceiving() -> None:
        """
        Read nothing more from the network until `resumeReceiving`. What is read
        already may still come.
        """

    def resumeReceiving() -> None:
        """
        Read on.
        """


class ICarried(Interface):
    """
    What an `ICarrier` needs of the session that it carries. None of the methods
    raises, and any of them may call back into the carrier.
    """

    def carrierConnected() -> None:
        """
        The network has brought it there: a raw WebSocket is open with this, any other
        session with the server's ``o``.
        """

    def carrierFrame(frame: str) -> None:
        """
        One frame of SockJS came in, whole, without what its transport puts around it.
        """

    def carrierMessage(message: str | bytes) -> None:
        """
        One message came in on a raw WebSocket.
        """

    def carrierDrained() -> None:
        """
        The network has taken all that was given to the carrier.
        """

    def carrierLost(reason: Failure) -> None:
        """
        It is over; nothing is called after this.

        :param reason: a `SessionClosed <txsockjs.errors.SessionClosed>` with the code
            and reason that a WebSocket's end has brought; a `ConnectionDone
            <twisted.internet.error.ConnectionDone>` after `ICarrier.close`; else what
            broke, with a text that a person can act on.
        """


class ISocketUser(Interface):
    """
    What the connection of a WebSocket needs of who uses it.
    """

    clock: IReactorTime = Attribute("What tells the time: an `IReactorTime`.")
    where: str = Attribute("The server, as errors name it.")

    def socketConnected() -> None:
        """
        There is a connection, on which hands can be shaken.
        """

    def socketAnswered(answer: Any) -> None:
        """
        The server has answered the handshake.

        :param answer: an `Answer <txsockjs.client.handshake.Answer>`. If it does not
            agree, the connection ends.
        :raise ConnectFailed: to go no further, for this reason.
        """

    def socketOpened() -> None:
        """
        The handshake is done. Messages may go both ways.
        """

    def textReceived(text: str) -> None:
        """
        Take the payload of a text message.
        """

    def binaryReceived(payload: bytes) -> None:
        """
        Take the payload of a binary message.
        """

    def socketDrained() -> None:
        """
        The network has taken all that had to wait.
        """

    def socketLost(reason: Failure) -> None:
        """
        The connection has ended, and nothing of it is left.
        """

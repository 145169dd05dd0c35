"""What a wrapped protocol sees as its transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic

import attrs
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    ISSLTransport,
)
from twisted.python.failure import Failure
from typing_extensions import TypeVar
from zope.interface import implementer

from txsockjs.core.frames import BinaryMessage, Message
from txsockjs.interfaces import ISession, ISockJSTransport
from txsockjs.messaging import FAULT, MessageTransport, SecureTransport
from txsockjs.request import OpeningRequest

if TYPE_CHECKING:
    from OpenSSL.crypto import X509


#: What the option ``authorize`` returns; anything where nobody says.
AvatarT = TypeVar("AvatarT", default=Any)


@attrs.frozen
class Login:
    """
    What the option ``authorize`` may return where somebody wants to know of the end.

    :ivar avatar: what becomes ``transport.avatar``.
    :ivar logout: called with nothing when the session is over.
    """

    avatar: object
    logout: Callable[[], object] = lambda: None


ANYBODY: Final = Login(None)


@implementer(ISockJSTransport)
class SessionTransport(MessageTransport, Generic[AvatarT]):
    """
    One session, as its protocol sees it: a transport like Twisted's TCP transport.

    :ivar avatar: what the option ``authorize`` returned.
    :ivar request: the `OpeningRequest`.
    """

    __slots__ = ("_logout", "avatar", "request")

    _session: ISession
    avatar: AvatarT

    def __init__(
        self,
        session: ISession,
        protocol: IProtocol,
        request: OpeningRequest,
        encoding: str,
        login: Login = ANYBODY,
    ) -> None:
        super().__init__(session, protocol, encoding)
        avatar: Any = login.avatar
        self.avatar = avatar
        self._logout = login.logout
        self.request: OpeningRequest = request

    # ITransport

    def write(self, data: bytes) -> None:
        """
        Send one message.

        :param data: the message, in UTF-8; bytes that are not UTF-8 are decoded with
            the option ``encoding``.
        :raise TypeError: if ``data`` is not bytes.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"write takes bytes, not {type(data).__name__}")
        self.sendPrepared(Message.fromBytes(data, self.encoding))

    def sendBinary(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"sendBinary takes bytes, not {type(data).__name__}")
        self.sendPrepared(BinaryMessage.fromBytes(data, self.encoding))

    def sendMessage(self, message: str) -> None:
        if not isinstance(message, str):
            raise TypeError(f"sendMessage takes str, not {type(message).__name__}")
        self.sendPrepared(Message(message))

    def sendPrepared(self, message: Message) -> None:
        session = self._session
        session.send(message)
        if self._producer is not None and self._streaming and not self._producerPaused:
            self._producerWrote = True
            if session.crowded:
                self._pauseProducer()

    def getPeer(self) -> IAddress:
        return self.request.peer

    def getHost(self) -> IAddress:
        return self.request.host

    # IApplication

    def sessionLost(self, reason: Failure) -> None:
        super().sessionLost(reason)
        self._call("logout", self._logout)
        # The protocol knows its transport for good; what knows each other is freed by
        # the garbage collector alone.
        self._protocol = self._receiveText = None

    def _logFault(self, where: str, reason: Failure) -> None:
        self._log.failure(
            "{protocol!r} raised in {where}; its {transport} session is closed.",
            failure=reason,
            protocol=self._protocol,
            where=where,
            service=self.request.service,
            transport=self.request.transport,
            code=FAULT.code,
        )


@implementer(ISSLTransport)
class SecureSessionTransport(SecureTransport, SessionTransport[AvatarT]):
    """
    The transport of a session that came over TLS.
    """

    __slots__ = ()

    def getPeerCertificate(self) -> X509 | None:
        """
        The client's certificate, or None if it showed none.
        """
        return self.request.certificate

    def getPeer(self) -> Any:
        return self.request.peer

    def getHost(self) -> Any:
        return self.request.host

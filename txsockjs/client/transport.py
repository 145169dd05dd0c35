"""What a client's protocol sees as its transport: `ClientTransport`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IProtocol, ISSLTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.client.interfaces import ICarrier
from txsockjs.client.session import ClientSession
from txsockjs.core.frames import Message
from txsockjs.interfaces import IMessageTransport
from txsockjs.messaging import FAULT, MessageTransport, SecureTransport

if TYPE_CHECKING:
    from OpenSSL.crypto import X509


@implementer(IMessageTransport)
class ClientTransport(MessageTransport):
    """
    One session, as the client's protocol sees it: a transport like Twisted's TCP
    transport, and like that of the server's protocol.

    :ivar subprotocol: the subprotocol that the server has chosen, or None.
    :ivar transportName: over what the session goes, as in ``"websocket"``.
    """

    __slots__ = ("_certificate", "_host", "_peer", "subprotocol", "transportName")

    _session: ClientSession

    def __init__(
        self,
        session: ClientSession,
        protocol: IProtocol,
        encoding: str,
        carrier: ICarrier,
        transportName: str,
    ) -> None:
        super().__init__(session, protocol, encoding)
        self.transportName: str = transportName
        # They are still asked for when the carrier is gone.
        self._peer: IAddress = carrier.peer
        self._host: IAddress = carrier.host
        self._certificate: X509 | None = carrier.certificate
        self.subprotocol: str | None = carrier.subprotocol

    # ITransport

    def write(self, data: bytes) -> None:
        """
        Send one message.

        :param data: the message, in UTF-8; bytes that are not UTF-8 are decoded with
            the setting ``encoding``.
        :raise TypeError: if ``data`` is not bytes.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"write takes bytes, not {type(data).__name__}")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode(self.encoding, "replace")
        self._session.send(text)
        if self._producer is not None:
            self._pace()

    def sendMessage(self, message: str) -> None:
        if not isinstance(message, str):
            raise TypeError(f"sendMessage takes str, not {type(message).__name__}")
        self._session.send(message)
        if self._producer is not None:
            self._pace()

    def sendBinary(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"sendBinary takes bytes, not {type(data).__name__}")
        if not self._session.raw:
            return self.write(data)
        self._session.send(data)
        if self._producer is not None:
            self._pace()

    def sendPrepared(self, message: Message) -> None:
        if message.binary is None:
            self.sendMessage(message.text)
        else:
            self.sendBinary(message.binary)

    def _pace(self) -> None:
        """
        The producer, or somebody beside it, has sent something.
        """
        session = self._session
        session.lookSoon()
        if self._streaming and not self._producerPaused:
            self._producerWrote = True
            if session.crowded:
                self._pauseProducer()

    def getPeer(self) -> IAddress:
        return self._peer

    def getHost(self) -> IAddress:
        return self._host

    @property
    def dropped(self) -> int:
        """
        How many frames came in that were none, and were dropped.
        """
        return self._session.dropped

    # IApplication

    def _logFault(self, where: str, reason: Failure) -> None:
        self._log.failure(
            "{protocol!r} raised in {where}; its {transport} session with {peer} is "
            "closed.",
            failure=reason,
            protocol=self._protocol,
            where=where,
            transport=self.transportName,
            peer=self._peer,
            code=FAULT.code,
        )


@implementer(ISSLTransport)
class SecureClientTransport(SecureTransport, ClientTransport):
    """
    The transport of a session over TLS.
    """

    __slots__ = ()

    def getPeerCertificate(self) -> X509 | None:
        """
        The server's certificate.
        """
        return self._certificate

    def getPeer(self) -> Any:
        return self._peer

    def getHost(self) -> Any:
        return self._host

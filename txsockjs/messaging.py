"""What a protocol sees as its transport, at either end: `MessageTransport`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import GO_AWAY, Close, Message, encode
from txsockjs.errors import checkCloseCode
from txsockjs.interfaces import (
    IApplication,
    IMessageSession,
    ISockJSBinaryReceiver,
    ISockJSMessageReceiver,
)

FAULT: Final = Close(1011, "Internal error")


@implementer(IApplication)
class MessageTransport:
    """
    One session, as its protocol sees it: a transport like Twisted's TCP transport. What
    is said of it here is the same for the server's protocol and the client's.

    :ivar listening: whether somebody waits for all that was sent to be taken.
    :ivar disconnecting: whether the application has asked for the end.
    :ivar connected: whether the session is open.
    """

    __slots__ = (
        "__weakref__",
        "_closeLater",
        "_drains",
        "_ends",
        "_producer",
        "_producerPaused",
        "_producerWrote",
        "_protocol",
        "_receiveText",
        "_session",
        "_streaming",
        "connected",
        "disconnecting",
        "encoding",
        "listening",
    )

    _log = Logger()

    def __init__(
        self, session: IMessageSession, protocol: IProtocol, encoding: str
    ) -> None:
        self._session = session
        self._protocol: Any = protocol
        self.encoding: str = encoding
        self._receiveText: Callable[[str], None] | None = None
        if ISockJSMessageReceiver.providedBy(protocol):
            self._receiveText = protocol.messageReceived
        self._producer: Any = None
        self._streaming = False
        self._producerPaused = False
        # Whether it did so since it was resumed.
        self._producerWrote = False
        self._closeLater: Close | None = None
        # Those who wait until all is taken.
        self._drains: list[Deferred[None]] | None = None
        # Those who wait for the end.
        self._ends: list[Deferred[None]] | None = None
        self.listening: bool = False
        self.connected: bool = False
        self.disconnecting: bool = False

    # ITransport

    def write(self, data: bytes) -> None:
        """
        Send one message.
        """
        raise NotImplementedError

    def sendMessage(self, message: str) -> None:
        """
        Send one message of text, exactly as it is.
        """
        raise NotImplementedError

    def sendBinary(self, data: bytes) -> None:
        """
        Send one message of bytes, binary where the transport has such.
        """
        raise NotImplementedError

    def sendPrepared(self, message: Message) -> None:
        """
        Send a message that is shared with other sessions, encoded once for all.
        """
        raise NotImplementedError

    def getPeer(self) -> IAddress:
        """
        The address of the other end.
        """
        raise NotImplementedError

    def getHost(self) -> IAddress:
        """
        The address of this end.
        """
        raise NotImplementedError

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """
        Send several messages, each item one of them.
        """
        for item in data:
            self.write(item)

    def _pauseProducer(self) -> None:
        self._producerPaused = True
        # Whoever sends, to others too perhaps, is not who is to blame.
        self._call("pauseProducing", self._producer.pauseProducing)

    def loseConnection(self, code: int = 3000, reason: str = "Go away!") -> None:
        close = GO_AWAY
        if code != 3000 or reason != "Go away!":
            checkCloseCode(code)
            if not isinstance(reason, str):
                raise TypeError(f"a reason is a str, not {reason!r}")
            close = Close(code, reason)
        if self.disconnecting:
            return
        self.disconnecting = True
        if self._producer is not None and (not self._streaming or self._producerPaused):
            # As on TCP: a producer with more to give is heard first.
            self._closeLater = close
        else:
            self._session.close(close)

    def abortConnection(self) -> None:
        self.disconnecting = True
        if self.connected:
            # As on TCP: once it has heard of the end, there is nothing to drop. The
            # session may still have to tell that end to its peer.
            self._session.abort()

    @property
    def pending(self) -> int:
        """
        How many bytes were written and not taken by the peer.
        """
        pending: int = self._session.pending
        return pending

    @property
    def crowded(self) -> bool:
        """
        Whether that is so much that who writes should wait.
        """
        crowded: bool = self.connected and self._session.crowded
        return crowded

    def whenDrained(self) -> Deferred[None]:
        drained: Deferred[None] = Deferred(self._forgetDrain)
        if not (self.connected and (self._session.pending or self.crowded)):
            drained.callback(None)
        else:
            self._drains = [*(self._drains or ()), drained]
            self.listening = True
        return drained

    def _forgetDrain(self, drained: Deferred[None]) -> None:
        """
        Whoever waited has given up.
        """
        if self._drains is not None and drained in self._drains:
            self._drains.remove(drained)

    def _release(self) -> None:
        drains, self._drains = self._drains, None
        self.listening = self._producer is not None
        for drained in drains or ():
            if not drained.called:
                drained.callback(None)

    def whenEnded(self) -> Deferred[None]:
        ended: Deferred[None] = Deferred(self._forgetEnd)
        if not self.connected:
            ended.callback(None)
        else:
            self._ends = [*(self._ends or ()), ended]
        return ended

    def _forgetEnd(self, ended: Deferred[None]) -> None:
        """
        Whoever waited has given up.
        """
        if self._ends is not None and ended in self._ends:
            self._ends.remove(ended)

    # IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        Let a producer write, at the pace of the peer.

        :param producer: what writes to this transport.
        :param streaming: True for a push producer, paused while too much waits; False
            for a pull producer, asked for more when all is taken.
        :raise RuntimeError: if there is one already.
        """
        if self._producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer "
                f"{self._producer} was never unregistered."
            )
        if not self.connected:
            producer.stopProducing()
            return
        self._producer = producer
        self.listening = True
        self._streaming = streaming
        self._producerPaused = False
        if self._session.crowded:
            # So much was sent by others: it waits from the beginning.
            if streaming:
                self._pauseProducer()
        elif not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self._producer = None
        self.listening = self._drains is not None
        self._closeNow()

    def _closeNow(self) -> None:
        close, self._closeLater = self._closeLater, None
        if close is not None:
            self._session.close(close)

    # IPushProducer, for the inbound side

    def pauseProducing(self) -> None:
        self._session.pauseReceiving()

    def resumeProducing(self) -> None:
        self._session.resumeReceiving()

    def stopProducing(self) -> None:
        self.loseConnection()

    # IApplication

    def sessionOpened(self) -> None:
        self.connected = True
        self._call("connectionMade", self._protocol.makeConnection, self)

    def sessionReceived(self, message: str | bytes) -> None:
        try:
            if self._receiveText is not None:
                if isinstance(message, bytes):
                    if ISockJSBinaryReceiver.providedBy(self._protocol):
                        self._protocol.binaryReceived(message)
                        return
                    message = message.decode("utf-8", "replace")
                self._receiveText(message)
                return
            if isinstance(message, str):
                message = encode(message)
            self._protocol.dataReceived(message)
        except BaseException:
            self._fault("dataReceived")

    def sessionDrained(self) -> None:
        if self._drains is not None:
            self._release()
        if self._producer is None:
            return
        if self._streaming and not self._producerPaused:
            if self._producerWrote:
                # As on TCP: all that it had to give went out without a pause.
                self._closeNow()
            return
        self._producerPaused = self._producerWrote = False
        self._call("resumeProducing", self._producer.resumeProducing)

    def sessionLost(self, reason: Failure) -> None:
        # The peer can be gone before the application was told of it.
        opened, self.connected = self.connected, False
        self.disconnecting = True
        producer, self._producer = self._producer, None
        if producer is not None:
            self._call("stopProducing", producer.stopProducing)
        if opened:
            self._call("connectionLost", self._protocol.connectionLost, reason)
        self._release()
        ends, self._ends = self._ends, None
        for ended in ends or ():
            if not ended.called:
                ended.callback(None)

    def _call(self, where: str, call: Callable[..., object], *args: object) -> None:
        try:
            call(*args)
        except BaseException:
            self._fault(where)

    def _fault(self, where: str) -> None:
        """
        The application raised: that closes its session, and no other. What is no
        ``Exception`` is treated alike. ``SystemExit`` and ``KeyboardInterrupt`` stop no
        process under Twisted, whose reactor catches and logs them too: SIGINT is its
        own to handle, and who wants to stop it calls ``reactor.stop()``.
        """
        reason = Failure()
        self._logFault(where, reason)
        self._session.fail(FAULT, reason)

    def _logFault(self, where: str, reason: Failure) -> None:
        """
        Tell the log which session that was.

        :param where: what was called.
        """
        raise NotImplementedError


class SecureTransport:
    """
    What the transport of a session over TLS has beside. What the interface says of the
    TCP connection means little where there are many of them: it is accepted, and
    ignored.
    """

    __slots__ = ()

    loseConnection: Callable[..., None]

    def loseWriteConnection(self) -> None:
        """
        SockJS has no half-closed sessions: close.
        """
        self.loseConnection()

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

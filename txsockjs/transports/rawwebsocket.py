"""The raw WebSocket: messages as they are, no SockJS frames. (PROTOCOL section 7)"""

from __future__ import annotations

from typing import ClassVar

from autobahn.util import encode_truncate
from twisted.internet.defer import Deferred

from txsockjs.core.frames import Close, Frame, Heartbeat, encode
from txsockjs.transports.framing import (
    REASON_SIZE,
    formatBinary,
    formatFragments,
    formatText,
)
from txsockjs.transports.socket import STATE_OPEN
from txsockjs.transports.websocket import SocketReceiver, WebSocketResource, size
from txsockjs.web.headers import Policy


class RawSocketReceiver(SocketReceiver):
    """
    A raw WebSocket: plain messages both ways, text and binary, and no SockJS frames.
    """

    __slots__ = ()

    @staticmethod
    def format(frame: Frame) -> bytes:
        """
        The messages of a frame, each as a WebSocket frame of its own.
        (RFC 6455, section 5.6)
        """
        return b"".join(
            [
                formatBinary(payload) if isBinary else formatText(payload)
                for payload, isBinary in frame.payloads
            ]
        )

    @staticmethod
    def inFragments(size: int, frame: Frame) -> bytes:
        return b"".join(
            [
                formatFragments(payload, size, isBinary)
                for payload, isBinary in frame.payloads
            ]
        )

    def sendFrame(self, frame: Frame) -> bool:
        socket = self._socket
        if socket.state != STATE_OPEN:
            pass
        elif isinstance(frame, Close):
            reason = encode(frame.reason).decode("utf-8")
            reason = encode_truncate(reason, REASON_SIZE)
            socket.sendCloseFrame(frame.code, reason)
        elif isinstance(frame, Heartbeat):
            socket.sendPing()
        elif not self._deflating:
            self.wire.write(frame.formatted(self.format))
        else:
            for payload, isBinary in frame.payloads:
                socket.sendMessage(payload, isBinary)
        return self._writable

    def finish(self) -> None:
        """
        The close frame was the end.
        """

    def deliver(self, texts: list[str]) -> Deferred[None] | None:
        return self.receive(texts, size(texts))

    def deliverBinary(self, payload: bytes) -> Deferred[None] | None:
        return self.receive([payload], len(payload))


class RawWebSocketResource(WebSocketResource):
    """
    ``BASE/websocket``: no SockJS framing at all.
    """

    policy: ClassVar[Policy] = Policy(0)
    transport = "rawwebsocket"
    receiver: ClassVar[type[SocketReceiver]] = RawSocketReceiver

"""The raw WebSocket: messages as they are, no SockJS frames. (PROTOCOL section 7)"""

from __future__ import annotations

from autobahn.util import encode_truncate
from twisted.internet.defer import Deferred

from txsockjs.core.frames import Close, Frame, Heartbeat, Message, Messages, encode
from txsockjs.transports.framing import REASON_SIZE
from txsockjs.transports.socket import STATE_OPEN
from txsockjs.transports.websocket import SocketReceiver, WebSocketResource, size
from txsockjs.web.headers import Policy


class RawSocketReceiver(SocketReceiver):
    """
    A raw WebSocket: plain messages both ways, text and binary, and no SockJS frames.
    """

    __slots__ = ()

    def sendFrame(self, frame: Frame) -> bool:
        socket = self._socket
        if socket.state != STATE_OPEN:
            pass
        elif isinstance(frame, (Message, Messages)):
            for message in frame.messages:
                isBinary = message.binary is not None
                payload = message.binary or encode(message.text)
                socket.sendMessage(payload, isBinary)
        elif isinstance(frame, Close):
            reason = encode(frame.reason).decode("utf-8")
            reason = encode_truncate(reason, REASON_SIZE)
            socket.sendCloseFrame(frame.code, reason)
        elif isinstance(frame, Heartbeat):
            socket.sendPing()
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
    C{BASE/websocket}: no SockJS framing at all.
    """

    policy = Policy(0)
    transport = "rawwebsocket"
    receiver = RawSocketReceiver

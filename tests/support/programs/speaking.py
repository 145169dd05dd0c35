"""Services that speak a subprotocol, as far as a client needs it to say a few words."""

from __future__ import annotations

import json
import struct
from typing import Any

from twisted.internet.protocol import Protocol
from zope.interface import implementer

from txsockjs import ISockJSBinaryReceiver


class Stomp(Protocol):
    """
    STOMP 1.2: every message goes back to who sent it.
    """

    _data = b""

    def connectionMade(self) -> None:
        self._subscriptions: dict[str, str] = {}

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while b"\0" in self._data:
            frame, _, self._data = self._data.partition(b"\0")
            head, _, body = frame.lstrip(b"\r\n").partition(b"\n\n")
            command, *lines = head.decode().splitlines()
            fields = dict(line.split(":", 1) for line in lines)
            getattr(self, f"stomp_{command}")(fields, body)

    def _say(self, command: str, body: bytes = b"", **fields: str) -> None:
        lines = [command, *(f"{n.replace('_', '-')}:{v}" for n, v in fields.items())]
        head = "\n".join(lines).encode()
        self.transport.write(head + b"\n\n" + body + b"\0")

    def stomp_CONNECT(self, fields: dict[str, str], body: bytes) -> None:
        self._say("CONNECTED", version="1.2", heart_beat="0,0")

    def stomp_SUBSCRIBE(self, fields: dict[str, str], body: bytes) -> None:
        self._subscriptions[fields["destination"]] = fields["id"]

    def stomp_SEND(self, fields: dict[str, str], body: bytes) -> None:
        place = fields["destination"]
        id = self._subscriptions[place]
        self._say("MESSAGE", body, destination=place, subscription=id, message_id="1")

    def stomp_DISCONNECT(self, fields: dict[str, str], body: bytes) -> None:
        self._say("RECEIPT", receipt_id=fields["receipt"])


class MQTT(Protocol):
    """
    MQTT 3.1.1: every message goes back to who sent it. It speaks over a raw WebSocket
    in binary messages, and over TCP.
    """

    _data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while packet := self._take():
            kind, content = packet
            if kind == 1:  # CONNECT
                self._say(2, b"\0\0")
            elif kind == 8:  # SUBSCRIBE
                self._say(9, content[:2] + b"\0")
            elif kind == 3:  # PUBLISH, with no need for an answer
                self._say(3, content)

    def _take(self) -> tuple[int, bytes] | None:
        """
        The next packet, once it is all there: its type, and what is in it.
        """
        length = place = 0
        for place, byte in enumerate(self._data[1:5]):
            length |= (byte & 127) << 7 * place
            if byte < 128:
                break
        else:
            return None
        place += 2
        content = self._data[place : place + length]
        if len(content) < length:
            return None
        kind = self._data[0] >> 4
        self._data = self._data[place + length :]
        return kind, content

    def _say(self, kind: int, content: bytes) -> None:
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        packet = struct.pack("!B", kind << 4) + length + content
        getattr(self.transport, "sendBinary", self.transport.write)(packet)


class GraphQL(Protocol):
    """
    graphql-transport-ws: a subscription to a countdown.
    """

    def dataReceived(self, data: bytes) -> None:
        message = json.loads(data)
        if message["type"] == "connection_init":
            self._say(type="connection_ack")
        elif message["type"] == "subscribe":
            for number in 3, 2, 1:
                payload = {"data": {message["payload"]["query"]: number}}
                self._say(type="next", id=message["id"], payload=payload)
            self._say(type="complete", id=message["id"])

    def _say(self, **message: Any) -> None:
        self.transport.write(json.dumps(message).encode())


@implementer(ISockJSBinaryReceiver)
class EchoBoth(Protocol):
    """
    Says again what it hears, text as text and bytes as bytes.
    """

    def messageReceived(self, message: str) -> None:
        self.transport.sendMessage(message)

    def binaryReceived(self, data: bytes) -> None:
        self.transport.sendBinary(data)

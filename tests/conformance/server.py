"""
The four services that the suite needs, on a txsockjs server in this process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.wire import Echo
from zope.interface import implementer

from txsockjs.conformance.services import STREAMING_LIMIT
from txsockjs.factory import SockJSMultiFactory
from txsockjs.interfaces import ISockJSMessageReceiver


class BytesEcho(Protocol):
    """
    Sends what it gets as bytes, which a raw WebSocket takes to be binary.
    """

    transport: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.transport.sendBinary(data)


@implementer(ISockJSMessageReceiver)
class TextEcho(Protocol):
    """
    Sends every text back as it was sent: with its lone surrogates.
    """

    def messageReceived(self, message: str) -> None:
        self.transport.sendMessage(message)


class Closer(Protocol):
    """
    Closes at once, with the code and reason that a transport has for that.
    """

    def connectionMade(self) -> None:
        self.transport.loseConnection()


async def listen(options: dict[str, Any]) -> tuple[str, Callable[[], Awaitable[None]]]:
    """
    Start the server on a free loopback port.

    :param options: options for every service.
    :return: its URL, and what stops it.
    """
    common = {"streaming_limit": STREAMING_LIMIT, **options}
    site = SockJSMultiFactory()
    for prefix, protocol, own in (
        ("echo", TextEcho, {}),
        ("disabled_websocket_echo", Echo, {"websocket": False}),
        ("cookie_needed_echo", BytesEcho, {"cookie_needed": True}),
        ("close", Closer, {}),
    ):
        site.addFactory(Factory.forProtocol(protocol), prefix, {**common, **own})
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    return f"http://127.0.0.1:{port.getHost().port}/", port.stopListening

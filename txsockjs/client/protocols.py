"""A client's Protocol whose transport the type checker knows."""

from __future__ import annotations

from typing import TypeAlias

from txsockjs.client.multiplex import ClientChannelTransport
from txsockjs.client.transport import ClientTransport
from txsockjs.protocols import MessageProtocol

#: What a client's protocol has: that of a session, or of a channel of one.
AnyClientTransport: TypeAlias = ClientTransport | ClientChannelTransport


class SockJSClientProtocol(MessageProtocol[AnyClientTransport]):
    """
    A session at the client's end, or a channel of one: override the one of
    ``dataReceived``, ``messageReceived`` and ``binaryReceived`` that you want::

        class Greeting(SockJSClientProtocol):
            def connectionMade(self) -> None:
                self.transport.sendMessage("hello")

        SockJSClientEndpoint(reactor, "https://example.com/echo").connect(Greeting)
    """

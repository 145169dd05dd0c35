"""Reaching SockJS services, as a client."""

from txsockjs.client.conversation import AsyncClientSession, Connecting, connect
from txsockjs.client.endpoint import SockJSClientEndpoint
from txsockjs.client.multiplex import MultiplexClientFactory, MultiplexClientProtocol
from txsockjs.client.place import Settings
from txsockjs.client.protocols import SockJSClientProtocol

__all__ = [
    "AsyncClientSession",
    "Connecting",
    "MultiplexClientFactory",
    "MultiplexClientProtocol",
    "Settings",
    "SockJSClientEndpoint",
    "SockJSClientProtocol",
    "connect",
]

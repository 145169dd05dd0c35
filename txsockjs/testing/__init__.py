"""In memory: fakes with which to test an application over SockJS, or a part of it.

A whole server, with a browser's side of it, on no socket and in no time::

    site = MemorySite.serving(Factory.forProtocol(wire.Echo))
    client = MemoryClient(site)
    opened = client.request("POST", "/000/s1/xhr")
    assert opened.body == b"o\\n"
    client.request("POST", "/000/s1/xhr_send", body=b'["hello"]')
    assert client.request("POST", "/000/s1/xhr").body == b'a["hello"]\\n'
    site.stop()

Everything is Twisted's own but the sockets: the Site, its channels, the transports with
their buffers and producers. Time passes when `MemorySite.advance` says so.
"""

from txsockjs.testing.client import MemoryClient
from txsockjs.testing.connection import (
    MemoryConnection,
    MemoryResponse,
    MemoryWebSocket,
)
from txsockjs.testing.endpoint import MemoryClientEndpoint
from txsockjs.testing.loop import MemoryAsyncioReactor
from txsockjs.testing.network import MemoryReactor
from txsockjs.testing.receiver import MemoryReceiver
from txsockjs.testing.session import MemorySession
from txsockjs.testing.sessions import MemorySockJSEndpoint
from txsockjs.testing.site import MemorySite

__all__ = [
    "MemoryAsyncioReactor",
    "MemoryClient",
    "MemoryClientEndpoint",
    "MemoryConnection",
    "MemoryReactor",
    "MemoryReceiver",
    "MemoryResponse",
    "MemorySession",
    "MemorySite",
    "MemorySockJSEndpoint",
    "MemoryWebSocket",
]

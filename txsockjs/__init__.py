"""txsockjs: the SockJS server and client for Twisted.

Wrap any factory in `SockJSFactory` and listen with it. The client is in
`txsockjs.client`.
"""

from importlib.metadata import version
from typing import Any

from txsockjs.bridge import BridgeFactory
from txsockjs.errors import (
    OptionError,
    PrefixError,
    Rejected,
    SessionClosed,
    SessionEnded,
    SessionFailed,
    SockJSError,
)
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.handlers import AsyncBinarySession, AsyncSession, handler
from txsockjs.interfaces import (
    ISockJSBinaryReceiver,
    ISockJSMessageReceiver,
    ISockJSTransport,
)
from txsockjs.multiplex import MultiplexFactory, SockJSMultiplexResource
from txsockjs.options import SockJSOptions
from txsockjs.protocols import SockJSProtocol
from txsockjs.request import OpeningRequest
from txsockjs.transport import Login, SessionTransport
from txsockjs.utils import broadcast

__all__ = [
    "AsyncBinarySession",
    "AsyncSession",
    "BridgeFactory",
    "ISockJSBinaryReceiver",
    "ISockJSMessageReceiver",
    "ISockJSTransport",
    "Login",
    "MultiplexFactory",
    "OpeningRequest",
    "OptionError",
    "PrefixError",
    "Rejected",
    "SessionClosed",
    "SessionEnded",
    "SessionFailed",
    "SessionTransport",
    "SockJSError",
    "SockJSFactory",
    "SockJSMultiFactory",
    "SockJSMultiplexResource",
    "SockJSOptions",
    "SockJSProtocol",
    "SockJSResource",
    "broadcast",
    "handler",
]


def __getattr__(name: str) -> Any:
    """
    ``__version__`` is looked up for whoever asks.
    """
    if name == "__version__":
        return version("txsockjs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

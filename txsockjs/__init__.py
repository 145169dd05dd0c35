"""txsockjs: the SockJS server for Twisted.

Wrap any factory in L{SockJSFactory} and listen with it.
"""

from txsockjs.errors import OptionError, PrefixError, Rejected, SockJSError
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.interfaces import ISockJSMessageReceiver, ISockJSTransport
from txsockjs.options import SockJSOptions
from txsockjs.transport import Login, OpeningRequest
from txsockjs.utils import broadcast

__all__ = [
    "ISockJSMessageReceiver",
    "ISockJSTransport",
    "Login",
    "OpeningRequest",
    "OptionError",
    "PrefixError",
    "Rejected",
    "SockJSError",
    "SockJSFactory",
    "SockJSMultiFactory",
    "SockJSOptions",
    "SockJSResource",
    "broadcast",
]

"""txsockjs: the SockJS server for Twisted.

Wrap any factory in L{SockJSFactory} and listen with it.
"""

from txsockjs.errors import OptionError, PrefixError, SockJSError
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.interfaces import ISockJSMessageReceiver, ISockJSTransport
from txsockjs.options import SockJSOptions
from txsockjs.utils import broadcast

__all__ = [
    "ISockJSMessageReceiver",
    "ISockJSTransport",
    "OptionError",
    "PrefixError",
    "SockJSError",
    "SockJSFactory",
    "SockJSMultiFactory",
    "SockJSOptions",
    "SockJSResource",
    "broadcast",
]

r"""The endpoint string ``sockjs:``.

``serverFromString(reactor, r"sockjs:tcp\:8080\:interface\=127.0.0.1:timeout=10")`` is
an endpoint that listens on ``tcp:8080:interface=127.0.0.1`` and serves the factory that
it is given over SockJS, at ``/``. Every option of `SockJSOptions` is a keyword, and so
is ``keep_alive``, as `SockJSFactory` takes it.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

from txsockjs.factories import ProtocolSource
from txsockjs.factory import KEEP_ALIVE, SockJSFactory, keepAliveTime
from txsockjs.options import SockJSOptions


@implementer(IStreamServerEndpoint)
@attrs.frozen
class SockJSServerEndpoint:
    """
    Serves a factory over SockJS where another endpoint listens.

    :ivar reactor: the clock of the sessions.
    :ivar endpoint: what listens for the HTTP connections.
    :ivar options: the options of the service.
    :ivar keepAlive: for how many seconds an HTTP connection may be idle between two
        requests, or None for no limit.
    """

    reactor: Any
    endpoint: IStreamServerEndpoint
    options: SockJSOptions
    keepAlive: float | None = KEEP_ALIVE

    def listen(self, protocolFactory: ProtocolSource) -> Deferred[IListeningPort]:
        """
        Listen, and open a SockJS session with a protocol of this factory's for each
        client that comes.

        :param protocolFactory: that factory, or the class of its protocols.
        :raise TypeError: if it is neither.
        """
        return self.endpoint.listen(
            SockJSFactory(
                protocolFactory,
                self.options,
                clock=self.reactor,
                keep_alive=self.keepAlive,
            )
        )


@implementer(IPlugin, IStreamServerEndpointStringParser)
class SockJSServerParser:
    """
    Makes a `SockJSServerEndpoint` from the parts of an endpoint string.
    """

    prefix = "sockjs"

    # Positional only, so that no keyword of the string can be taken for one of ours.
    def parseStreamServer(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> SockJSServerEndpoint:
        """
        :param reactor: the reactor to listen with.
        :param args: one item, the string of the endpoint that listens.
        :param kwargs: options, as `SockJSOptions.fromStrings` takes them, and
            ``keep_alive``.
        :raise ValueError: if there is not exactly one endpoint, or if an option is
            unknown or malformed (`OptionError <txsockjs.errors.OptionError>`).
        """
        if len(args) != 1 or not args[0]:
            raise ValueError(
                "sockjs: takes one endpoint, with its own colons and equals signs "
                rf"escaped, as in sockjs:tcp\:8080:timeout=10; got {list(args)}"
            )
        keepAlive = keepAliveTime(kwargs.pop("keep_alive", KEEP_ALIVE))
        options = SockJSOptions.fromStrings(kwargs)
        endpoint = serverFromString(reactor, args[0])
        return SockJSServerEndpoint(reactor, endpoint, options, keepAlive)

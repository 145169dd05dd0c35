"""A bridge from SockJS sessions to a stream service: `BridgeFactory`.

Each session opens one connection of a Twisted client endpoint (TCP, TLS, UNIX, ...),
and what either side sends goes to the other. Neither side is read faster than the other
one takes it.

SockJS has no half-closed sessions. So a service that ends its stream has the session
closed, after all that it sent; and a session that ends gives the service the end of the
stream, after all that the browser sent, and a while to end its own. What happened is
told to the browser by the close code, one of `Told`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast

from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import (
    IAddress,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsockjs.bridging import BrowserSide, ServiceSide, Told
from txsockjs.clock import Clock, clockOr
from txsockjs.factories import AnyClientEndpoint
from txsockjs.request import OpeningRequest
from txsockjs.streams import FRAMINGS, MAX_LINE, MODES, Raw, Text

__all__ = ["MAX_LINE", "BridgeFactory", "Told"]


class BridgeFactory(Factory):
    """
    Joins every session to a connection of its own to a service.

    :ivar clientEndpoint: where the service is.
    :ivar connectTimeout: seconds within which it must be connected to.
    :ivar maxLingering: how many connections may take their time to end.
    :ivar clock: what tells the time.
    """

    _log = Logger()

    def __init__(
        self,
        clientEndpoint: AnyClientEndpoint,
        mode: str = "text",
        framing: str = "raw",
        connectTimeout: float = 10.0,
        *,
        maxLingering: int = 100,
        clock: Clock | None = None,
    ) -> None:
        """
        :param clientEndpoint: where the service is.
        :param mode: how bytes are told in messages, which are text: ``"text"`` for a
            service that speaks UTF-8, ``"base64"`` for any bytes at all, or
            ``"latin1"`` for any bytes as characters of the same number, which is
            shorter for ASCII; ``"binary"`` for binary messages on raw WebSockets, and
            base64 on all else.
        :param framing: ``"raw"`` for a stream, where messages have no bounds to rely
            on; ``"lines"`` for a message a line, its end taken off and put on here.
        :param connectTimeout: seconds within which the service must be connected to.
        :param maxLingering: how many connections to the service are kept for half a
            minute after their sessions, until the service has taken all and ends them:
            this many, or as many as there were sessions at once, if those were more.
        :param clock: what tells the time; the global reactor if not given.
        :raise ValueError: for a mode, framing, time or number that there is not.
        """
        self.clientEndpoint: IStreamClientEndpoint = cast(
            IStreamClientEndpoint, clientEndpoint
        )
        self.codec: Callable[[], Text] = _choose("mode", MODES, mode)
        self.framing: Callable[[], Raw] = _choose("framing", FRAMINGS, framing)
        if not connectTimeout > 0:
            raise ValueError(
                f"connectTimeout is a number of seconds above 0, not {connectTimeout!r}"
            )
        if not maxLingering >= 0:
            raise ValueError(
                f"maxLingering is a number, 0 or more, not {maxLingering!r}"
            )
        self.connectTimeout = connectTimeout
        self.maxLingering = maxLingering
        self.clock: IReactorTime = clockOr(clock)
        self.description: str = describe(clientEndpoint)
        self.services: set[ServiceSide] = set()
        # Those whose sessions are over, the oldest first.
        self._lingering: dict[ServiceSide, None] = {}
        # How many others there were at once, at the most.
        self._most = 0
        # What sends at the end of this turn of the reactor.
        self._sending: list[ServiceSide] = []

    @classmethod
    def fromString(cls, reactor: Any, description: str) -> BridgeFactory:
        """
        The bridge that a string describes: a client endpoint, and after it, in any
        order, ``mode``, ``framing``, ``connectTimeout`` and ``maxLingering``, such as
        ``"tcp:irc.example.net:6667:framing=lines"``. The endpoint may also be one
        argument, with its colons escaped: ``r"tcp\\:irc.example.net\\:6667"``.

        :param reactor: what connects, and tells the time.
        :raise ValueError: if it describes none.
        """
        arguments = _ARGUMENT.findall(description)
        options: dict[str, Any] = {}
        while arguments and (match := _OPTION.fullmatch(arguments[-1])):
            name, value = match.groups()
            if name in options:
                raise ValueError(f"{name} is given twice")
            options[name] = value
            arguments.pop()
        endpoint = ":".join(arguments)
        if len(arguments) == 1:
            endpoint = _ESCAPED.sub(r"\1", endpoint)
        for name, kind in ("connectTimeout", float), ("maxLingering", int):
            try:
                options.update({name: kind(options[name])} if name in options else ())
            except ValueError:
                raise ValueError(f"{name} is a number, not {options[name]!r}") from None
        try:
            service = clientFromString(reactor, endpoint)
        except Exception as problem:
            raise ValueError(f"{endpoint!r} is no client endpoint: {problem}") from None
        bridge = cls(service, clock=reactor, **options)
        bridge.description = endpoint
        return bridge

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return BrowserSide(self)

    def stopFactory(self) -> None:
        for service in list(self.services):
            service.flush()
            service.transport.unregisterProducer()
            service.transport.loseConnection()

    # For the connections

    def connected(self, service: ServiceSide) -> None:
        """
        A connection to the service was made.
        """
        self.services.add(service)
        self._most = max(self._most, len(self.services) - len(self._lingering))

    def disconnected(self, service: ServiceSide) -> None:
        """
        A connection to the service is lost.
        """
        self.services.discard(service)
        self._lingering.pop(service, None)

    def lingers(self, service: ServiceSide) -> None:
        """
        A connection outlives its session. Where there are too many of these, the oldest
        is dropped: whoever opens and closes sessions fast must not hold the descriptors
        of half a minute.
        """
        self._lingering[service] = None
        if len(self._lingering) > max(self.maxLingering, self._most):
            oldest = next(iter(self._lingering))
            del self._lingering[oldest]
            oldest.drop()

    def sendsLater(self, service: ServiceSide) -> None:
        """
        Have a connection send what it has when this turn of the reactor ends: one call
        for all of them, which is less than what Twisted does for each write.
        """
        if not self._sending:
            self.clock.callLater(0, self._send)
        self._sending.append(service)

    def _send(self) -> None:
        sending, self._sending = self._sending, []
        for service in sending:
            service.flush()

    def failed(self, told: Told, failure: Failure, request: OpeningRequest) -> None:
        """
        Log that the service could not be connected to.
        """
        self._log.warn(
            "{endpoint}: {problem}; the session is closed with {code}.",
            endpoint=self.description,
            problem=" ".join(failure.getErrorMessage().split()).rstrip("."),
            service=request.service,
            transport=request.transport,
            code=told.code,
        )


_ARGUMENT: Final = re.compile(r"(?:\\.|[^:\\])+")
_OPTION: Final = re.compile(r"(mode|framing|connectTimeout|maxLingering)=(.*)")
_ESCAPED: Final = re.compile(r"\\(.)")


def _choose(name: str, known: dict[str, Any], value: str) -> Any:
    if value not in known:
        allowed = ", ".join(map(repr, known))
        raise ValueError(f"{name} is one of {allowed}, not {value!r}")
    return known[value]


def describe(endpoint: object) -> str:
    """
    What to call an endpoint in a log: its host and port or its path, as far as it has
    some and does not say it itself.
    """
    if type(endpoint).__repr__ is not object.__repr__:
        return repr(endpoint)
    # Each of Twisted's keeps what it was given, under the same name.
    given = {
        name.strip("_"): value
        for name, value in getattr(endpoint, "__dict__", {}).items()
    }
    for value in given.values():
        if IStreamClientEndpoint.providedBy(value):
            return describe(value)
    if "host" in given and "port" in given:
        return f"{given['host']}:{given['port']}"
    return str(given.get("path", type(endpoint).__qualname__))

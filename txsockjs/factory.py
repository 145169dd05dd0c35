"""The factories to listen with: `SockJSFactory`, `SockJSMultiFactory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from txsockjs.clock import Clock
from txsockjs.converters import optional, seconds
from txsockjs.core.frames import GO_AWAY
from txsockjs.core.service import RESTART
from txsockjs.core.timers import Timers
from txsockjs.errors import (
    NotFound,
    OptionError,
    PrefixError,
    WireError,
    checkCloseCode,
)
from txsockjs.factories import ProtocolSource
from txsockjs.membership import Cluster, Membership
from txsockjs.options import SockJSOptions
from txsockjs.sessions import Sessions
from txsockjs.transports.base import ServiceTree
from txsockjs.transports.resource import SockJSResource
from txsockjs.web.accesslog import LoggedSite
from txsockjs.web.deadlines import TimedChannel, connectionTimers
from txsockjs.web.headers import clientAddress
from txsockjs.web.response import lastOf, refuse
from txsockjs.web.site import BoundedRequest, boundedProtocol

__all__ = ["SockJSFactory", "SockJSMultiFactory", "SockJSResource"]

_BODY_SIZE: Final = SockJSOptions().max_message_size

#: For how many seconds a connection may be idle between two requests. Proxies reuse one
#: for 60 as a rule; whoever closes first must not be the server, or a request that is
#: on its way then is lost, and the browser gets 502.
KEEP_ALIVE: Final = 75.0


def keepAliveTime(value: object) -> float | None:
    """
    A time for idle connections, as the argument ``keep_alive`` takes it.

    :raise OptionError: for one that is not allowed.
    """
    allowed = "a number of seconds above 0, or None for no limit"
    try:
        time: float | None = optional(seconds(0.001, allowed))(value)
    except ValueError:
        raise OptionError(
            "keep_alive", f"{value!r} will not do; it takes {allowed}"
        ) from None
    return time


def _parts(keepAlive: float | None, timeOut: float | None) -> tuple[Any, Any]:
    """
    The idle time up to the first look whether the peer takes what waits for it, and the
    rest. None is no time-out, of either.
    """
    if keepAlive is None:
        return timeOut, None
    first = keepAlive if timeOut is None else min(keepAlive, timeOut)
    return first, keepAlive - first


class _SockJSSite(LoggedSite):
    """
    A Site that starts and stops SockJS services with itself.

    :ivar cluster: the other processes that have sessions of the same services, if any.
    :ivar http2: its connections of HTTP/2.
    :ivar idleTimes: ``keepAlive`` in two parts, the first one no longer than
        ``timeOut``.
    :ivar keepAlive: how many seconds a connection may be idle between two requests, or
        None for ever.
    :ivar services: the services, by URL prefix.
    :ivar smallBody: how many bytes any request's body may have.
    :ivar timers: the times of all its connections.
    """

    _log = Logger()
    protocol: Any = boundedProtocol
    requestFactory = BoundedRequest
    cluster: Cluster | None = None
    _membership: Membership | None = None

    def __init__(
        self,
        resource: IResource,
        clock: Clock | None,
        keepAlive: object,
        **siteOptions: Any,
    ) -> None:
        self.keepAlive: float | None = keepAliveTime(keepAlive)
        siteOptions.setdefault("parsePOSTFormSubmission", False)
        super().__init__(resource, clock, **siteOptions)
        self.idleTimes: tuple[Any, Any] = _parts(self.keepAlive, self.timeOut)
        self.timers: Timers[TimedChannel] = connectionTimers(self.reactor)
        self.http2: set[Any] = set()
        self.services: dict[str, SockJSResource] = {}
        self.smallBody: int = _BODY_SIZE
        # The same, by what their URLs begin with.
        self._starts: dict[bytes, SockJSResource] = {}

    def joinCluster(self, cluster: Cluster) -> None:
        """
        Have sessions of other processes be found, and those of this one by others. This
        is for a site that does not listen yet.
        """
        self.cluster = cluster
        self._membership = Membership(cluster, self, self.closeSessions)
        for prefix, service in self.services.items():
            cluster.add(prefix, service)

    def leaveCluster(self) -> Deferred[None]:
        """
        Undo `joinCluster`. The sessions have ended before. When the reactor is told to
        stop, this is done then.

        :return: what fires when that is done, however often it is asked for.
        """
        return succeed(None) if self._membership is None else self._membership.leave()

    def _serve(self, prefix: str, service: SockJSResource) -> None:
        if self.cluster is not None:
            self.cluster.add(prefix, service)
        self.services[prefix] = service
        self.smallBody = min(self.smallBody, service.options.max_message_size)
        self._starts[f"/{prefix}/".encode() if prefix else b"/"] = service

    def _forget(self, prefix: str) -> None:
        """
        A service is served no longer.
        """
        service = self.services.pop(prefix)
        self._starts = {s: each for s, each in self._starts.items() if each != service}
        limits = [each.options.max_message_size for each in self.services.values()]
        self.smallBody = min([_BODY_SIZE, *limits])

    def startFactory(self) -> None:
        """
        Start the wrapped factories: all of them, or none.
        """
        super().startFactory()
        try:
            for service in list(self.services.values()):
                service.start()
        except BaseException:
            self.stopFactory()
            raise
        if self._membership is not None:
            self._membership.start()

    def stopFactory(self) -> None:
        """
        Drop the sessions, stop the wrapped factories, and leave the cluster. Wait for
        `closeSessions` before, to let the sessions end in good order, and for
        `leaveCluster` then or afterwards, to know when that is done.
        """
        for service in list(self.services.values()):
            service.stop()
        self.leaveCluster()
        super().stopFactory()

    def _lastResourceFor(self, request: Request) -> IResource:
        """
        The Resource that answers a request to a site that closes its sessions. What is
        for none of these is the last of its connection.
        """
        resource: IResource = Site.getResourceFor(self, request)
        if not isinstance(resource, ServiceTree):
            lastOf(request)
        return resource

    def closeSessions(
        self, code: int = RESTART.code, reason: str = RESTART.reason
    ) -> Deferred[None]:
        """
        Refuse new sessions and close the open ones of every service, which get what was
        written to them before and then this close frame.

        :return: what fires when all are closed, after ``drain_timeout`` seconds at
            most.
        """
        # Others do without this detour.
        vars(self)["getResourceFor"] = self._lastResourceFor
        closed = [
            service.closeSessions(code, reason)
            for service in list(self.services.values())
        ]
        return gatherResults(closed).addCallback(lambda results: None)

    def openSessions(self, prefix: str | bytes = "") -> Sessions[Any]:
        """
        The sessions of a service that are open: to list them, tell them all something,
        or close one.

        :param prefix: where the service is. A `SockJSFactory` has one, at ``""``.
        :raise PrefixError: if there is none.
        """
        return self._named(prefix).openSessions()

    def _named(self, prefix: str | bytes) -> SockJSResource:
        service = self.services.get(_prefixName(prefix))
        if service is None:
            there = ", ".join(map(repr, self.services)) or "none at all"
            raise PrefixError(f"no service is at {prefix!r}; there are: {there}")
        return service

    def bodyLimit(self, path: bytes) -> int:
        """
        How many bytes the body of a request may have.

        :param path: the URL's path, with its query.
        :return: ``max_message_size`` of the service that it is for, or the default of
            that option where there is no service.
        """
        service = self._serviceAt(path)
        return _BODY_SIZE if service is None else service.options.max_message_size

    def refused(self, path: bytes, error: WireError) -> None:
        """
        Count a request that no service has seen for the one that it was for.

        :param path: the URL's path, with its query.
        """
        service = self._serviceAt(path)
        if service is not None:
            service.counters.refuse(error)

    def _serviceAt(self, path: bytes) -> SockJSResource | None:
        path = unquote_to_bytes(path)
        for start, service in self._starts.items():
            if path.startswith(start):
                return service
        return None

    def clientOf(self, request: Any) -> IAddress:
        """The client's address, as the option ``proxy_header`` of its service tells
        it. For a page that is no service's, that is the services' where all have the
        same.
        """
        service = self._serviceAt(request.uri)
        services = self.services.values() if service is None else [service]
        headers = {each.options.proxy_header for each in services}
        return clientAddress(request, headers.pop() if len(headers) == 1 else None)


class SockJSFactory(_SockJSSite):
    """
    A web site that is one SockJS service, at ``/``.
    """

    def __init__(
        self,
        factory: ProtocolSource,
        options: SockJSOptions | Mapping[str, object] | None = None,
        *,
        clock: Clock | None = None,
        name: str = "sockjs",
        keep_alive: float | None = KEEP_ALIVE,
        cluster: Cluster | None = None,
        **siteOptions: Any,
    ) -> None:
        """
        :param factory: the factory whose protocols the sessions are, or the class of
            these.
        :param options: the service's options, or a dict of them by name.
        :param clock: what tells the time; the global reactor if not given.
        :param name: what logs and metrics call the service.
        :param keep_alive: for how many seconds an HTTP connection may be idle between
            two requests, or None for no limit. Behind a proxy it is to be longer than
            what the proxy has for that.
        :param cluster: the other processes that have sessions of this service, such as
            `RedisCluster <txsockjs.cluster.machines.RedisCluster>`.
        :param siteOptions: what `Site` takes, such as ``logPath`` for an access log.
        :raise OptionError: for an option that is unknown or has a value it cannot have.
        :raise TypeError: if ``factory`` is neither, or an option is given by itself.
        """
        # A Site has a timeout of its own.
        for option in siteOptions.keys() & (
            {name for name, *_ in SockJSOptions.fields()} - {"timeout"}
        ):
            raise TypeError(
                f"{option} is an option of the service, not an argument: "
                f"SockJSFactory(factory, {{{option!r}: {siteOptions[option]!r}}})"
            )
        resource = SockJSResource(factory, options, clock=clock, name=name)
        super().__init__(resource, clock, keep_alive, **siteOptions)
        if cluster is not None:
            self.joinCluster(cluster)
        self._serve("", resource)


class _Prefix(Resource):
    """
    A place in the URL tree above the services.
    """

    def render(self, request: Request) -> bytes:
        return refuse(request, NotFound())

    def getChild(self, path: bytes, request: Request) -> Resource:
        return _NOWHERE


class _Nowhere(_Prefix):
    isLeaf = True


_NOWHERE = _Nowhere()  # type: ignore[no-untyped-call]


class SockJSMultiFactory(_SockJSSite):
    """
    A web site of several SockJS services, each under a URL prefix.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        keep_alive: float | None = KEEP_ALIVE,
        cluster: Cluster | None = None,
        **siteOptions: Any,
    ) -> None:
        """
        :param clock: what tells the time; the global reactor if not given.
        :param keep_alive: as for `SockJSFactory`.
        :param cluster: as for `SockJSFactory`.
        :param siteOptions: what `Site` takes, such as ``logPath`` for an access log.
        """
        self._clock = clock
        self._root = root = _Prefix()  # type: ignore[no-untyped-call]
        super().__init__(root, clock, keep_alive, **siteOptions)
        if cluster is not None:
            self.joinCluster(cluster)

    def addFactory(
        self,
        factory: ProtocolSource,
        prefix: str | bytes,
        options: SockJSOptions | Mapping[str, object] | None = None,
    ) -> SockJSResource:
        """
        Add a service.

        :param factory: the factory whose protocols the sessions are, or the class of
            these.
        :param prefix: where it is, such as ``"chat"`` or ``"a/b/echo"``. That is also
            what logs and metrics call it.
        :param options: the service's options, or a dict of them by name.
        :return: the service.
        :raise PrefixError: if the prefix is empty, or another service is there or has
            that name.
        :raise OptionError: for an option that is unknown or has a value it cannot have.
        :raise TypeError: if ``factory`` is neither.
        """
        name = _prefixName(prefix)
        for place, other in self.services.items():
            if other.counters.service == name != place:
                raise PrefixError(
                    f"the service at {place!r} is called {name!r} already"
                )
        service = SockJSResource(factory, options, clock=self._clock, name=name)
        self.addService(service, name)
        return service

    def addService(self, service: SockJSResource, prefix: str | bytes) -> None:
        """
        Add a service that is there already.

        :param prefix: where it is, such as ``"chat"`` or ``"a/b/echo"``.
        :raise PrefixError: if the prefix is empty, or another service is there.
        """
        name = _prefixName(prefix)
        segments = name.encode("utf-8").split(b"/")
        if not all(segments):
            raise PrefixError(f"{prefix!r} has an empty segment; 'chat' would do")
        parent: Any = self._root
        for segment in segments[:-1]:
            child = parent.children.get(segment)
            if child is None:
                child = _Prefix()  # type: ignore[no-untyped-call]
                parent.putChild(segment, child)
            elif not isinstance(child, _Prefix):
                raise PrefixError(f"{prefix!r} lies under another service's prefix")
            parent = child
        if name in self.services:
            raise PrefixError(f"{prefix!r} is taken: a service has that name already")
        if segments[-1] in parent.children:
            raise PrefixError(f"{prefix!r} is taken, or lies above another service")
        parent.putChild(segments[-1], service)
        self._serve(name, service)
        if self.numPorts:
            service.start()

    def removeFactory(
        self,
        prefix: str | bytes,
        code: int = GO_AWAY.code,
        reason: str = GO_AWAY.reason,
    ) -> Deferred[None]:
        """
        Remove a service. It refuses new sessions with 503 from now on, and closes its
        own, which get what was written to them before and then this close frame. After
        that its factory is stopped, and its path answers 404.

        :param prefix: where it is.
        :param code: the close code that clients see; 1012 has them come again.
        :param reason: the reason that they see.
        :return: what fires when it is gone, after its ``drain_timeout`` seconds at
            most. Until then no other service can be where it was.
        :raise PrefixError: if no service is there.
        :raise ValueError: for a code that cannot be sent.
        """
        service = self._named(prefix)
        checkCloseCode(code)
        closed = service.closeSessions(code, reason)
        return closed.addCallback(self._remove, _prefixName(prefix), service)

    def _remove(self, result: None, name: str, service: SockJSResource) -> None:
        if self.services.get(name) is service:
            self._forget(name)
            _takeOut(self._root, name.encode("utf-8").split(b"/"))
            service.stop()


def _takeOut(parent: Any, segments: list[bytes]) -> None:
    """
    Take what is at a path out of the tree, and what nothing else is below then.
    """
    first, *others = segments
    child = parent.children[first]
    if others:
        _takeOut(child, others)
    if not others or not child.children:
        del parent.children[first]


def _prefixName(prefix: str | bytes) -> str:
    """
    A prefix as text, without slashes around it.
    """
    name = prefix.decode("utf-8") if isinstance(prefix, bytes) else prefix
    return name.strip("/")

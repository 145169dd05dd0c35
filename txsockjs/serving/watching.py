"""The options of ``twistd sockjs`` about watching it: `WatchingUsage`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.reflect import namedModule
from twisted.python.usage import UsageError
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from txsockjs.errors import OptionError
from txsockjs.factory import SockJSMultiFactory
from txsockjs.health import HealthResource, healthSite
from txsockjs.rooms.directory import Rooms
from txsockjs.rooms.shared import SharedRooms
from txsockjs.serving.clustering import ClusterUsage
from txsockjs.serving.explaining import explained
from txsockjs.serving.rereading import RereadEndpoint
from txsockjs.status import statusSite
from txsockjs.status.actions import checkToken

_Places: TypeAlias = list[tuple[str, IStreamServerEndpoint]]


class WatchingUsage(ClusterUsage):
    """
    Those options, and what they ask for.

    :ivar health: where somebody asks how this is, with the string that each came from.
    :ivar healthSite: what is served there.
    :ivar metrics: where there is something for Prometheus, in the same way.
    :ivar metricsSite: what is served there.
    :ivar reactor: what all endpoints listen with.
    :ivar status: where the status page is, in the same way.
    :ivar statusSite: what is served there.
    :ivar others: what the status page asks for workers.
    """

    optParameters: Any = [
        [
            "status-token",
            None,
            None,
            "A file with a token, 16 characters or more: who has it can close sessions "
            "and drain services on the status page. Without it, the page is for "
            "reading only.",
        ],
    ]

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self.reactor = reactor
        self.health: _Places = []
        self.healthSite: Any = None
        self.metrics: _Places = []
        self.metricsSite: Any = None
        self.status: _Places = []
        self.statusSite: Any = None
        self._healthPaths: list[str] = []
        self.others: Callable[[], Iterable[Mapping[str, object]]] = tuple
        self._statusOrigins: list[str] = []
        self._token: str | None = None

    def opt_metrics(self, description: str) -> None:
        """
        Where Prometheus finds metrics, at /metrics: any server endpoint string, such
        as tcp:9100. This needs the extra txsockjs[metrics]. May be given several
        times.
        """
        self.metrics.append(self._endpoint("metrics", description))

    def opt_status(self, description: str) -> None:
        """
        Where the status page is, live, at /: any server endpoint string, such as
        tcp:9101:interface=127.0.0.1. Whoever can reach it can read it. May be given
        several times.
        """
        self.status.append(self._endpoint("status", description))

    def opt_status_origin(self, origin: str) -> None:
        """
        The origin of the status page where it is opened by a name, such as behind a
        proxy: https://status.example.com. May be given several times. An address, and
        localhost, need none.
        """
        self._statusOrigins.append(origin)

    def opt_health(self, value: str) -> None:
        """
        Where a load balancer or Kubernetes asks whether this takes sessions: a path
        beside the services, such as /health, or a server endpoint string, such as
        tcp:9102, which has it at /health. It is answered with 200, and with 503 from
        the moment that this stops. May be given several times.
        """
        if value.startswith("/"):
            self._healthPaths.append(value)
        else:
            self.health.append(self._endpoint("health", value))

    def _endpoint(
        self, option: str, description: str
    ) -> tuple[str, IStreamServerEndpoint]:
        try:
            return description, RereadEndpoint(self.reactor, description)
        except Exception as error:
            here = ":interface=127.0.0.1" if option == "status" else ""
            better = f"; try tcp:{description}{here}" if description.isdecimal() else ""
            if option == "health" and description.isidentifier():
                better = f"; try /{description}"
            words = explained(error, description) or error
            raise UsageError(f"--{option} {description}: {words}{better}") from error

    def postOptions(self) -> None:
        super().postOptions()
        path = self["status-token"]
        if not self.status and (path is not None or self._statusOrigins):
            raise UsageError("--status-token, --status-origin: these go with --status")
        if path is not None:
            try:
                with open(path, encoding="utf-8") as file:
                    self._token = checkToken(file.read().strip())
            except (OSError, ValueError) as error:
                raise UsageError(f"--status-token {path}: {error}") from error

    def makeSites(
        self,
        site: SockJSMultiFactory,
        rooms: SharedRooms | None,
        factories: Collection[Any],
    ) -> None:
        """
        Make what is served beside the services.

        :param site: the site of these, which has a page more where that was asked for.
        :param rooms: the rooms that services share.
        :param factories: those of the services.
        """
        for path in self._healthPaths:
            self._addHealth(path, site)
        if self.health:
            self.healthSite = healthSite(site.services.values(), self.reactor)
        if self.metrics:
            self.metricsSite = self._makeMetricsSite(site, rooms)
        if self.status:
            self.statusSite = self._makeStatusSite(site, _RoomsOf(factories))

    def beside(self) -> Iterator[tuple[str, str, Site | None, _Places]]:
        """
        What is served beside the services: what that is in a few words, what is to be
        opened of it, its site if that is made here, and where.
        """
        yield "Health", "health", self.healthSite, self.health
        yield "Metrics", "metrics", self.metricsSite, self.metrics
        yield "Status page", "", self.statusSite, self.status

    def _addHealth(self, path: str, site: SockJSMultiFactory) -> None:
        for name in site.services:
            if f"{path}/".startswith(f"/{name}/"):
                raise UsageError(f"--health {path}: this is a path of service {name}")
        health = HealthResource(site.services.values())
        site.resource = _At(path.encode("utf-8"), health, site.resource)

    def _makeMetricsSite(
        self, site: SockJSMultiFactory, rooms: SharedRooms | None
    ) -> Site:
        try:
            metrics: Any = namedModule("txsockjs.metrics")
        except ImportError as error:
            raise UsageError(
                f"--metrics: {error}; install txsockjs[metrics]"
            ) from error
        found: Site = metrics.metricsSite(
            site.services.values(), self.reactor, rooms or (), lambda: site.cluster
        )
        return found

    def _makeStatusSite(self, site: SockJSMultiFactory, rooms: Iterable[Rooms]) -> Site:
        try:
            return statusSite(
                site.services.values(),
                token=self._token,
                origins=self._statusOrigins,
                rooms=rooms,
                workers=lambda: self.others(),
                clock=self.reactor,
            )
        except OptionError as error:
            raise UsageError(f"--status-origin: {error}") from error


class _RoomsOf:
    """
    The rooms that services have, shared or their own, once they have them.
    """

    def __init__(self, factories: Collection[Any]) -> None:
        self._factories = factories

    def __iter__(self) -> Iterator[Rooms]:
        found = [getattr(factory, "rooms", None) for factory in self._factories]
        return iter(dict.fromkeys(each for each in found if isinstance(each, Rooms)))


class _At(Resource):
    """
    A page at one path, and what there is at all others.
    """

    def __init__(self, path: bytes, page: Resource, others: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._path = path
        self._page = page
        self._others = others

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        if request.path == self._path:
            return self._page
        found: IResource = self._others.getChildWithDefault(path, request)
        return found

"""The metrics of all workers from any of them, with the extra ``txsockjs[metrics]``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from txsockjs.cluster.peers import Peer, Slots
from txsockjs.factory import SockJSMultiFactory
from txsockjs.metrics import encodeMetrics, metricsRegistry
from txsockjs.pagesite import PageSite
from txsockjs.rooms.directory import Rooms

#: What the path of a worker's socket has in addition where its metrics are read.
METRICS: Final = "#"

#: Seconds that a worker has to tell its metrics; and how many bytes they may have.
PATIENCE: Final = 2.0
MAX_BYTES: Final = 64 * 1024 * 1024


class _Telling(Protocol):
    """
    Tells the metrics of this worker, and closes the connection.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(writeMetrics(self._registry))
        transport.loseConnection()


class _Asking(Protocol):
    """
    Reads those of another one.

    :ivar told: fires with them.
    """

    def __init__(self) -> None:
        self.told: Deferred[list[Metric]] = Deferred()
        self._parts: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_BYTES:
            transport: Any = self.transport
            transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        try:
            found = readMetrics(b"".join(self._parts))
        except (ValueError, TypeError) as error:
            self.told.errback(error)
        else:
            self.told.callback(found)


class _Collected(Collector):
    """
    Metrics that are there already.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


class WorkersResource(Resource):
    """
    Shows the metrics of all workers, each with the label ``worker``: its slot, and with
    a full stop its generation where it drains. Of one that does not answer in time
    there is only that: ``sockjs_worker_up`` is 0.
    """

    isLeaf = True

    def __init__(self, reactor: Any, slots: Slots, registry: CollectorRegistry) -> None:
        """
        :param registry: the metrics of this worker.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._slots = slots
        self._registry = registry

    def render_GET(self, request: Request) -> int:
        """
        Ask all of them.
        """
        over: list[bool] = []
        request.notifyFinish().addErrback(lambda reason: over.append(True))
        peers = [
            peer for slot in range(self._slots.count) for peer in self._slots.at(slot)
        ]
        # By the time that they have answered, some may be gone.
        names = [self._nameOf(peer) for peer in peers]
        asking = gatherResults([self._ask(peer) for peer in peers])

        def answer(found: list[list[Metric] | None]) -> None:
            if over:
                return
            registry = CollectorRegistry()
            registry.register(_Collected(merged(dict(zip(names, found, strict=True)))))
            text = encodeMetrics(registry, request)
            request.setHeader("Content-Length", str(len(text)))
            request.write(text)
            request.finish()

        asking.addCallback(answer).addErrback(request.processingFailed)
        return NOT_DONE_YET

    def _nameOf(self, peer: Peer) -> str:
        newest = peer is self._slots.at(peer.slot)[0]
        return str(peer.slot) if newest else f"{peer.slot}.{peer.generation}"

    def _ask(self, peer: Peer) -> Deferred[list[Metric] | None]:
        if peer is self._slots.me:
            return succeed(list(self._registry.collect()))
        path = peer.path + METRICS
        endpoint = UNIXClientEndpoint(self._reactor, path, timeout=PATIENCE)
        factory = Factory.forProtocol(_Asking)
        factory.noisy = False
        asked: Deferred[Any] = endpoint.connect(factory)

        def connected(asking: _Asking) -> Deferred[list[Metric]]:
            told = asking.told
            transport: Any = asking.transport
            told.addTimeout(PATIENCE, self._reactor)
            return told.addErrback(_giveUp, transport)

        asked.addCallback(connected)
        return asked.addErrback(lambda failure: None)


def _giveUp(failure: Failure, transport: Any) -> Failure:
    """
    Whoever did not answer in time is heard no more.
    """
    transport.abortConnection()
    return failure


def merged(found: dict[str, list[Metric] | None]) -> list[Metric]:
    """
    The metrics of several workers as one.

    :param found: those of each, by what it is called; None where there are none.
    """
    up = GaugeMetricFamily(
        "sockjs_worker_up", "Whether the worker has told its metrics", labels=["worker"]
    )
    families: dict[str, Metric] = {}
    for worker, metrics in found.items():
        up.add_metric([worker], metrics is not None)
        for metric in metrics or ():
            family = families.get(metric.name)
            if family is None:
                family = Metric(metric.name, metric.documentation, metric.type)
                families[metric.name] = family
            family.samples += [
                Sample(each.name, {"worker": worker, **each.labels}, each.value)
                for each in metric.samples
            ]
    return [up, *families.values()]


def writeMetrics(registry: CollectorRegistry) -> bytes:
    """
    The metrics of a registry, for another worker.
    """
    metrics = [
        [
            metric.name,
            metric.documentation,
            metric.type,
            [[each.name, each.labels, each.value] for each in metric.samples],
        ]
        for metric in registry.collect()
    ]
    return json.dumps(metrics).encode("ascii")


def readMetrics(data: bytes) -> list[Metric]:
    """
    What `writeMetrics` has written.

    :raise ValueError: if it is nothing of that; or ``TypeError``.
    """
    found = []
    for name, documentation, kind, samples in json.loads(data):
        metric = Metric(name, documentation, kind)
        metric.samples = [Sample(*each) for each in samples]
        found.append(metric)
    return found


def shareMetrics(
    reactor: Any, slots: Slots, served: SockJSMultiFactory, rooms: Iterable[Rooms]
) -> Site:
    """
    Tell the other workers the metrics of this one.

    :param served: what it serves.
    :return: a site that shows those of all of them, at ``/metrics``.
    """
    services = served.services.values()
    registry = metricsRegistry(services, rooms, lambda: served.cluster)
    factory = Factory.forProtocol(lambda: _Telling(registry))
    factory.noisy = False
    reactor.listenUNIX(slots.me.path + METRICS, factory, mode=0o600)
    site = PageSite(clock=reactor)
    resource = WorkersResource(reactor, slots, registry)
    site.resource.putChild(b"metrics", resource)
    return site

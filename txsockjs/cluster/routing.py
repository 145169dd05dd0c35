"""What any kind of cluster does with a request for elsewhere: `Router`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.web.server import Request

from txsockjs.cluster.connections import PeerPool
from txsockjs.cluster.passed import Passed
from txsockjs.cluster.relay import Relay
from txsockjs.core.service import Service
from txsockjs.counters import ClusterCounters
from txsockjs.errors import NotHere, WireError
from txsockjs.transports.base import ServiceResource
from txsockjs.web.response import refuse

#: Seconds that a process that ends waits for the answers to what it has passed on, and
#: between two looks whether they are there.
FINISH_TIME: Final = 10.0
FINISH_LOOK: Final = 0.1


def sessionIdOf(request: Request) -> bytes:
    """
    The id of the session that a request is about.
    """
    assert request.postpath is not None
    return request.postpath[-2]


def passedTo(request: Request) -> Passed | None:
    """
    What is told of a request that was passed on to here, or None for a client's own.
    """
    passed: Passed | None = getattr(request, "passed", None)
    return passed


class Router:
    """
    Passes requests on, over connections that it keeps for each peer.

    :ivar counters: what was passed on.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.counters: ClusterCounters = ClusterCounters()
        self._pools: dict[object, PeerPool] = {}

    def isAbout(self, request: Request, resource: ServiceResource) -> bool:
        """
        Whether a request is one about a session that is known by its id, and is not
        here.
        """
        if resource.opens is None or request.method != resource.method:
            return False
        if getattr(request, "passed", None) is not None:
            self.counters.received += 1
        return sessionIdOf(request) not in resource.service.byId

    def passOn(
        self,
        request: Request,
        service: Service,
        key: object,
        endpoint: Callable[[], IStreamClientEndpoint],
        data: bytes,
        otherwise: Callable[[Exception], object],
    ) -> None:
        """
        Pass a request on.

        :param service: the service that it is for.
        :param key: whom to.
        :param endpoint: called for where that is, if it is not known yet.
        :param data: the request.
        :param otherwise: answers it where the peer does not.
        """
        pool = self.poolFor(key, endpoint)
        Relay(request, otherwise, self.reactor, service).start(pool, data)

    def poolFor(
        self, key: object, endpoint: Callable[[], IStreamClientEndpoint]
    ) -> PeerPool:
        """
        The connections to a peer, for one more request, which is counted.
        """
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = PeerPool(self.reactor, endpoint())
        self.counters.passed += 1
        return pool

    def reaches(self, key: object) -> bool:
        """
        Whether something was passed on to a peer before.
        """
        return key in self._pools

    def isBusy(self) -> bool:
        """
        Whether something that was passed on is still to be answered.
        """
        return any(pool.isBusy() for pool in self._pools.values())

    async def finish(self) -> None:
        """
        Wait for the answers to what was passed on, for some time.
        """
        last = self.reactor.seconds() + FINISH_TIME
        while self.isBusy() and self.reactor.seconds() < last:
            await deferLater(self.reactor, FINISH_LOOK)

    def keepOnly(self, keys: set[object]) -> None:
        """
        Forget the other peers: they are gone, or go when they have answered.
        """
        for key in self._pools.keys() - keys:
            self._pools.pop(key).close()

    def refuse(
        self, request: Request, resource: ServiceResource, error: WireError
    ) -> None:
        """
        Refuse a request.
        """
        self.counters.refuse(error)
        self._answer(request, resource.refuse(request, error))

    def notHere(self, request: Request) -> None:
        """
        Tell a process that asks that a session is not here.
        """
        self._answer(request, refuse(request, NotHere()))

    def _answer(self, request: Request, body: bytes) -> None:
        response: Any = request
        response.setHeader(b"Content-Length", b"%d" % len(body))
        response.write(body)
        response.finish()

    def answerHere(self, request: Request, resource: ServiceResource) -> None:
        """
        Have a request answered here, after it was thought about.
        """
        response: Any = request
        response.render(resource)

    def abort(self) -> None:
        """
        Give up all that is passed on.
        """
        for pool in self._pools.values():
            pool.abort()
        self._pools.clear()

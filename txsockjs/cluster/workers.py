"""The workers of one machine, which have each other's requests: `WorkerCluster`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.task import deferLater
from twisted.web.server import Request

from txsockjs.cluster.connections import (
    CONNECT_TIME,
    NotConnected,
    PeerPool,
    TooManyConnections,
)
from txsockjs.cluster.direct import Shortcuts
from txsockjs.cluster.entrance import PeerSite, trust
from txsockjs.cluster.handover import Handovers
from txsockjs.cluster.passed import (
    MOST_HOPS,
    NotPassed,
    bodyOf,
    headerLines,
    passedLines,
    serialise,
)
from txsockjs.cluster.peers import Peer, Slots
from txsockjs.cluster.routing import Router, passedTo, sessionIdOf
from txsockjs.cluster.trunk import TrunkEndpoint, TrunkFactory
from txsockjs.cluster.waiting import WaitingRoom
from txsockjs.counters import ClusterCounters
from txsockjs.errors import NotHere, PeerUnavailable, SessionLost
from txsockjs.transports.base import ServiceResource
from txsockjs.transports.resource import SockJSResource
from txsockjs.web.channel import BoundedChannel
from txsockjs.web.handover import sendElsewhere
from txsockjs.web.response import lastOf

#: What the path of the socket has in addition on which connections are handed over.
ADOPTING: Final = "+"

#: Seconds that a worker that ends, while others go on, waits for what comes on
#: connections that are open.
LINGER_TIME: Final = 1.0


class WorkerCluster:
    """
    Has requests for sessions of other workers answered there.

    A connection of plain HTTP is handed over to the worker whose session it asks for,
    which then has the further requests on it. Where that cannot be done, the request is
    passed on, over the worker's UNIX socket.
    """

    def __init__(self, reactor: Any, slots: Slots, handOver: bool = True) -> None:
        """
        :param slots: who the workers are.
        :param handOver: whether connections are handed over where they can be.
        """
        self._handOver = handOver
        self.slots = slots
        self._reactor = reactor
        self._router = Router(reactor)
        self.counters: ClusterCounters = self._router.counters
        self._handovers = Handovers(reactor, self.counters, self._isMine)
        self._ports: list[IListeningPort] = []
        self._waitingRoom = WaitingRoom(reactor)
        self._shortcuts = Shortcuts(reactor, self._findPool, self._fail)
        slots.changed = self._changed

    # Cluster

    def add(self, prefix: str, service: SockJSResource) -> None:
        """
        Have the sessions of a service be found by all workers.
        """
        service.elsewhere = self

    def start(self, site: Any) -> Deferred[None]:
        """
        Listen for what the other workers pass on.
        """
        self._handovers.site = site
        return Deferred.fromCoroutine(self._start(PeerSite(site, trust, _nobody)))

    async def _start(self, passing: PeerSite) -> None:
        path = self.slots.me.path
        trunks = TrunkFactory(self._reactor, passing)
        self._ports.append(await self.listening(path).listen(trunks))
        adopting = self.listening(path + ADOPTING)
        self._ports.append(await adopting.listen(self._handovers))

    def stop(self) -> Deferred[None]:
        """
        Listen no more, and give up what is passed on, once that has been answered: it
        is for sessions that go on elsewhere.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        ports, self._ports = self._ports, []
        if ports and self.slots.me.draining:
            await self._leaveIdle()
            if self._others():
                sendElsewhere(self._handovers.site)
                # What comes on connections that are still open is passed on.
                await deferLater(self._reactor, LINGER_TIME)
            await self._router.finish()
            await self._leaveIdle()
        closed = [
            # Somebody may have removed what it listened at.
            maybeDeferred(port.stopListening).addErrback(lambda f: f.trap(OSError))
            for port in ports
        ]
        self._handovers.close()
        self._router.abort()
        self._waitingRoom.close()
        await gatherResults(closed)

    async def _leaveIdle(self) -> None:
        """
        Have a worker that goes on serve connections on which nothing is asked: closed
        here, they would be so in the moment in which a client sends on them.
        """
        others = self._others()
        if self._handOver and others:
            path = others[0].path
            endpoint = self.connecting(path + ADOPTING)
            await self._handovers.leaveIdle(endpoint, path)

    def listening(self, path: str) -> IStreamServerEndpoint:
        """
        Where to listen for the other workers.
        """
        endpoint: IStreamServerEndpoint = UNIXServerEndpoint(
            self._reactor, path, mode=0o600
        )
        return endpoint

    def connecting(self, path: str) -> IStreamClientEndpoint:
        """
        How to connect to another worker.
        """
        endpoint: IStreamClientEndpoint = UNIXClientEndpoint(
            self._reactor, path, timeout=CONNECT_TIME
        )
        return endpoint

    def _changed(self) -> None:
        peers = [peer for n in range(self.slots.count) for peer in self.slots.at(n)]
        self._router.keepOnly({peer.path for peer in peers})
        self._handovers.keepOnly({peer.path for peer in peers})
        self._waitingRoom.changed()

    def _isMine(self, id: bytes) -> bool:
        """
        Whether a session would begin at this worker; of an empty id, whether any would.
        """
        if not id:
            return not self.slots.me.draining
        peers = self.slots.locate(id)
        return peers[:1] == (self.slots.me,) and not self.slots.me.draining

    # Elsewhere

    def takes(self, request: Request, resource: ServiceResource) -> bool:
        """
        Have a request answered by the worker that has its session, if that is not here.
        """
        draining = self.slots.me.draining
        if draining:
            # The next connection comes to a worker that goes on.
            lastOf(request)
        if not self._router.isAbout(request, resource):
            return draining and self._takesPage(request, resource)
        id = sessionIdOf(request)
        knows = resource.service.knows(id)
        passed = passedTo(request)
        if knows or (passed is not None and passed.ask):
            if not knows:
                self._router.notHere(request)
            return not knows
        peers = self.slots.locate(id)
        if not peers:
            self._wait(request, resource)
        elif peers[0] is not self.slots.me:
            if passed is not None and passed.hops >= MOST_HOPS:
                # Nobody agrees with whom it should be.
                self._router.refuse(request, resource, PeerUnavailable())
            else:
                self._send(request, resource, peers[0])
        elif len(peers) > 1:
            self._ask(request, resource, list(peers[1:]))
        else:
            return False
        return True

    def _takesPage(self, request: Request, resource: ServiceResource) -> bool:
        """
        Have what is about no session answered by a worker that goes on, if this one
        ends: connections that it still has know nothing of that.
        """
        if (
            passedTo(request) is not None
            or resource.isWebSocket
            or request.method not in (b"GET", b"OPTIONS")
        ):
            return False
        others = self._others()
        if others:
            self._pass(request, resource, others[0])
        return bool(others)

    def _others(self) -> list[Peer]:
        """
        The workers that go on, those of this one's slot first.
        """
        return [
            peer
            for slot in range(self.slots.count)
            for peer in self.slots.at((self.slots.me.slot + slot) % self.slots.count)
            if not peer.draining
        ]

    def _send(self, request: Request, resource: ServiceResource, peer: Peer) -> None:
        """
        Have the worker answer that has the session, or where it begins.
        """
        if not (
            self._handOver
            and passedTo(request) is None
            and self._handovers.offer(
                request,
                self.connecting(peer.path + ADOPTING),
                peer.path,
                sessionIdOf(request),
                partial(self._pass, request, resource, peer),
            )
        ):
            self._pass(request, resource, peer)

    def _pass(self, request: Request, resource: ServiceResource, peer: Peer) -> None:
        if resource.opens is not None and passedTo(request) is None:
            self._shortcuts.open(request, resource)
        self._passOn(
            request, resource, peer, False, partial(self._fail, request, resource)
        )

    def _findPool(
        self, channel: BoundedChannel, resource: ServiceResource, id: bytes
    ) -> PeerPool | None:
        """
        The connections to the worker that has a session, if it is another one, and the
        connection of its client stays here.
        """
        me = self.slots.me
        peers = self.slots.locate(id)
        if (
            not peers
            or peers[0] is me
            or me.draining
            or resource.service.knows(id)
            or (self._handOver and not self._handovers.stays(channel, peers[0].path))
        ):
            return None
        path = peers[0].path
        return self._router.poolFor(path, partial(self._passing, path))

    def _passing(self, path: str) -> IStreamClientEndpoint:
        """
        How requests are passed on to another worker.
        """
        return TrunkEndpoint(self._reactor, self.connecting(path))

    def _ask(
        self, request: Request, resource: ServiceResource, peers: list[Peer]
    ) -> None:
        """
        Have the worker answer that has the session, of those before this one. If none
        of them has it, it is answered here.
        """
        if not peers:
            self._router.answerHere(request, resource)
            return
        oldest = peers.pop()

        def otherwise(error: Exception) -> None:
            if isinstance(error, (NotHere, NotConnected)):
                self._ask(request, resource, peers)
            else:
                self._fail(request, resource, error)

        self._passOn(request, resource, oldest, True, otherwise)

    def _fail(
        self, request: Request, resource: ServiceResource, error: Exception
    ) -> None:
        if not isinstance(error, NotConnected):
            self._router.refuse(request, resource, SessionLost())
        elif isinstance(error.reason, TooManyConnections):
            self._router.refuse(request, resource, PeerUnavailable())
        else:
            # It has died, and not all know it yet.
            self._wait(request, resource)

    def _wait(self, request: Request, resource: ServiceResource) -> None:
        """
        Nobody has the slot of a request's session just now. What is for a session that
        was there is lost with it; what may begin one waits for the next worker.
        """
        if resource.opens:
            self._waitingRoom.wait(
                request,
                partial(self._again, request, resource),
                partial(self._router.refuse, request, resource, PeerUnavailable()),
            )
        else:
            self._router.refuse(request, resource, SessionLost())

    def _again(self, request: Request, resource: ServiceResource) -> None:
        if not self.takes(request, resource):
            self._router.answerHere(request, resource)

    def _passOn(
        self,
        request: Request,
        resource: ServiceResource,
        peer: Peer,
        ask: bool,
        otherwise: Callable[[Exception], object],
    ) -> None:
        lines = headerLines(request) + passedLines(request, ask)
        data = serialise(request, lines, bodyOf(request))
        endpoint = partial(self._passing, peer.path)
        service = resource.service
        self._router.passOn(request, service, peer.path, endpoint, data, otherwise)


def _nobody(request: Request, problem: NotPassed) -> None:
    """
    Nobody else reaches these sockets.
    """

"""Processes on any machines, which have each other's requests: `RedisCluster`.

It needs the extra ``txsockjs[redis]``, and a Redis from 5 on, or a Valkey.
"""

from __future__ import annotations

import math
from functools import partial
from secrets import token_hex
from typing import Any, Final

from twisted.internet import ssl
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    serverFromString,
    wrapClientTLS,
)
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from txsockjs.cluster.addresses import Place, placeOf
from txsockjs.cluster.connections import CONNECT_TIME, NotConnected
from txsockjs.cluster.directory import Directory
from txsockjs.cluster.entrance import PeerSite
from txsockjs.cluster.passed import (
    NotPassed,
    bodyOf,
    headerLines,
    passedLines,
    serialise,
)
from txsockjs.cluster.routing import Router, passedTo, sessionIdOf
from txsockjs.cluster.signing import Checker, Signer, checkSecret
from txsockjs.counters import ClusterCounters
from txsockjs.errors import (
    BrokerUnavailable,
    NotAPeer,
    OwnerUnknown,
    PeerUnavailable,
    SessionLost,
    UnknownSession,
    WireError,
)
from txsockjs.rooms.rediskeys import checkPrefix, checkSeconds
from txsockjs.transports.base import ServiceResource
from txsockjs.transports.resource import SockJSResource

#: Where a process listens for the others, unless it is told: for those of its machine.
DEFAULT_LISTEN: Final = "tcp:0:interface=127.0.0.1"

# Seconds between two lines of the log about requests that no peer has passed on.
_TELL_INTERVAL: Final = 60


class RedisCluster:
    """
    Has requests for sessions of other processes answered there, wherever they are. A
    Redis tells which process has a session: it is asked where a request comes for a
    session that is not here, and by nobody else.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        url: str,
        secret: bytes,
        *,
        listen: str = DEFAULT_LISTEN,
        address: str | None = None,
        prefix: str = "sockjs",
        lease: float = 15.0,
        timeout: float = 5.0,
        trust: Any = None,
        redisTrust: IOpenSSLClientConnectionCreator | None = None,
    ) -> None:
        """
        :param reactor: what listens and connects, and tells the time.
        :param url: where the Redis is, as for `RedisBroker
            <txsockjs.rooms.redis.RedisBroker>`.
        :param secret: what the processes know each other by, all the same: 16 bytes or
            more that nobody can guess.
        :param listen: where to listen for the other processes: a server endpoint
            string.
        :param address: where the other processes reach that: ``HOST:PORT``, or
            ``tls:HOST:PORT``. It can be left out where ``listen`` has the address of
            one interface, and no TLS.
        :param prefix: what the names of all keys begin with, and ``:cluster``: another
            one for other services on the same Redis.
        :param lease: seconds after which a process that is not heard of is taken to be
            gone.
        :param timeout: seconds within which Redis answers.
        :param trust: whom TLS connections to other processes trust, as ``trustRoot`` of
            `ssl.optionsForClientTLS`; None for the system's authorities.
        :param redisTrust: what makes TLS connections to Redis.
        :raise ValueError: for a URL, secret, address, prefix or time that there is not.
        """
        checkSecret(secret)
        checkPrefix(prefix)
        checkSeconds(lease=lease, timeout=timeout)
        self._reactor = reactor
        self._listen = listen
        self._place = None if address is None else Place.parse(address)
        self._trust = trust
        me = token_hex(8).encode("ascii")
        self._directory = Directory(
            reactor, url, me, f"{prefix}:cluster", lease, timeout, redisTrust
        )
        self._signer = Signer(secret, reactor)
        self._checker = Checker(secret, me, reactor)
        self._router = Router(reactor)
        self.counters: ClusterCounters = self._router.counters
        self._names: dict[Any, str] = {}
        self._ports: list[IListeningPort] = []
        self._started = False
        self._tellAgain = -math.inf
        self._strangers = 0

    # Cluster

    def add(self, prefix: str, service: SockJSResource) -> None:
        """
        Have the sessions of a service be found by all processes.
        """
        core = service.service
        self._names[core] = prefix
        service.elsewhere = self
        core.forgotten = partial(self._forgotten, prefix)

    def start(self, site: Any) -> Deferred[None]:
        """
        Listen for what other processes pass on, and tell Redis where.
        """
        self._started = True
        peers = PeerSite(site, self._checker.check, self._strange)
        return Deferred.fromCoroutine(self._start(peers))

    async def _start(self, peers: PeerSite) -> None:
        port = await self.listening().listen(peers)
        self._ports.append(port)
        place = self._place or placeOf(port.getHost(), self._listen)
        self._directory.start(place.format().encode("ascii"))

    def stop(self) -> Deferred[None]:
        """
        Leave: the sessions have ended.
        """
        if not self._started:
            return Deferred.fromCoroutine(_nothing())
        self._started = False
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        ports, self._ports = self._ports, []
        # These are for sessions that go on elsewhere.
        await self._router.finish()
        await self._directory.stop()
        for port in ports:
            await maybeDeferred(port.stopListening)
        self._router.abort()

    def isUp(self) -> bool:
        """
        Whether Redis can be asked who has a session.
        """
        return self._directory.up

    def listening(self) -> IStreamServerEndpoint:
        """
        Where to listen for the other processes.
        """
        endpoint: IStreamServerEndpoint = serverFromString(self._reactor, self._listen)
        return endpoint

    def connecting(self, place: Place) -> IStreamClientEndpoint:
        """
        How to connect to another process.
        """
        # An address that refuses is known at once, where a name may have others.
        kind: Any = HostnameEndpoint
        if isIPAddress(place.host):
            kind = TCP4ClientEndpoint
        elif isIPv6Address(place.host):
            kind = TCP6ClientEndpoint
        endpoint: IStreamClientEndpoint = kind(
            self._reactor, place.host, place.port, timeout=CONNECT_TIME
        )
        if not place.secure:
            return endpoint
        options = ssl.optionsForClientTLS(place.host, trustRoot=self._trust)
        return wrapClientTLS(options, endpoint)

    def _strange(self, request: Request, problem: NotPassed) -> None:
        self.counters.refuse(NotAPeer())
        self._strangers += 1
        now = self._reactor.seconds()
        if now >= self._tellAgain:
            self._tellAgain = now + _TELL_INTERVAL
            self._log.warn(
                "A request that {peer} has passed on is refused: {problem}. Refused so "
                "since the last such line: {count}.",
                peer=request.getClientAddress(),
                problem=str(problem)[:200],
                count=self._strangers,
            )
            self._strangers = 0

    # Elsewhere

    def takes(self, request: Request, resource: ServiceResource) -> bool:
        """
        Have a request answered by the process that has its session, if that is not this
        one.
        """
        if not self._router.isAbout(request, resource):
            return False
        service = resource.service
        id = sessionIdOf(request)
        if service.knows(id):
            return False
        key = self._directory.keyOf(self._names[service], id)
        looked = Deferred.fromCoroutine(self._look(request, resource, id, key))
        looked.addErrback(request.processingFailed)
        return True

    async def _look(
        self, request: Request, resource: ServiceResource, id: bytes, key: bytes
    ) -> None:
        service = resource.service
        opens = resource.opens and not service.stopping
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        address: bytes | None = None
        try:
            if opens:
                owner: bytes | None = await self._directory.claim(key)
            else:
                owner = await self._directory.find(key)
            if owner is not None and owner != self._directory.me:
                address = await self._directory.addressOf(owner)
        except (BrokerUnavailable, TimeoutError):
            if not gone:
                self._router.refuse(request, resource, OwnerUnknown())
            return
        if owner is None or owner == self._directory.me:
            if not gone:
                self._router.answerHere(request, resource)
            if owner is not None:
                self._settle(service, id, key)
        elif not gone:
            self._send(request, resource, owner, address)

    def _settle(self, service: Any, id: bytes, key: bytes) -> None:
        """
        This process has claimed a session. It is there, or it was not opened.
        """
        if id in service.byId:
            self._directory.keep(key)
        elif not service.knows(id):
            self._directory.release(key)

    def _forgotten(self, prefix: str, id: bytes) -> None:
        self._directory.end(self._directory.keyOf(prefix, id))

    def _send(
        self,
        request: Request,
        resource: ServiceResource,
        owner: bytes,
        address: bytes | None,
    ) -> None:
        if address is None:
            self._router.refuse(request, resource, SessionLost())
            return
        if passedTo(request) is not None:
            # Whoever has passed it on was wrong, or late.
            self._router.refuse(request, resource, UnknownSession())
            return
        try:
            place = Place.parse(address.decode("utf-8", "replace"))
        except ValueError:
            self._router.refuse(request, resource, PeerUnavailable())
            return
        lines = headerLines(request) + passedLines(request)
        body = bodyOf(request)
        lines.append(self._signer.line(owner, request, lines, body))
        if not self._router.reaches(owner):
            self._router.keepOnly({*self._directory.processes(), owner})
        self._router.passOn(
            request,
            resource.service,
            owner,
            partial(self.connecting, place),
            serialise(request, lines, body),
            partial(self._fail, request, resource, owner),
        )

    def _fail(
        self,
        request: Request,
        resource: ServiceResource,
        owner: bytes,
        error: Exception,
    ) -> None:
        self._directory.forget(owner)
        if isinstance(error, NotConnected):
            # Nobody listens there: the process is gone, although its lease is not over.
            gone = isinstance(error.reason, ConnectionRefusedError)
            problem: WireError = SessionLost() if gone else PeerUnavailable()
        elif isinstance(error, NotAPeer):
            # Its log says why.
            problem = PeerUnavailable()
        else:
            problem = SessionLost()
        self._router.refuse(request, resource, problem)


async def _nothing() -> None:
    pass

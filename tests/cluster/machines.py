"""Processes on several machines, in memory, and the Redis that they ask."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol
from twisted.logger import Logger, formatEvent

from tests.cluster.support import ClusterCase, MemoryPorts
from tests.support.redis import BY_DIGEST, FakeRedis
from tests.support.serving import Echo, RecordingFactory
from txsockjs.cluster.addresses import Place
from txsockjs.cluster.directory import CLAIM, END
from txsockjs.cluster.machines import RedisCluster
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemorySite

SECRET = b"0123456789abcdef"

BY_DIGEST[CLAIM.digest.encode()] = CLAIM
BY_DIGEST[END.digest.encode()] = END


class Redis(FakeRedis):
    """
    One that keeps strings, for some time.

    :ivar kept: value and end by key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[bytes, tuple[bytes, float]] = {}
        self.scripts = {CLAIM: self._claim, END: self._end}
        self.replies = {
            b"GET": lambda args: self.get(args[0]),
            b"SET": self._set,
            b"DEL": lambda args: int(self.kept.pop(args[0], None) is not None),
        }

    def get(self, key: bytes) -> bytes | None:
        value, end = self.kept.get(key, (None, 0.0))
        return value if self.seconds() < end else None

    def _set(self, args: list[bytes]) -> bytes:
        key, value, _, lease = args
        self.kept[key] = value, self.seconds() + int(lease) / 1000
        return b"OK"

    def _claim(self, keys: list[bytes], args: list[bytes]) -> bytes:
        owner = self.get(keys[0])
        if owner in (None, args[0]):
            self._set([keys[0], args[0], b"PX", args[1]])
            owner = args[0]
        assert owner is not None
        return owner

    def _end(self, keys: list[bytes], args: list[bytes]) -> int:
        if self.get(keys[0]) == args[0]:
            self._set([keys[0], args[0], b"PX", args[1]])
        return 1

    def sessions(self) -> int:
        """
        How many sessions are entered.
        """
        return sum(b":session:" in key and bool(self.get(key)) for key in self.kept)


class MemoryMachines(RedisCluster):
    """
    A process among others in memory.
    """

    def __init__(self, reactor: Any, ports: MemoryPorts, number: int, **kw: Any):
        address = f"machine{number}:7000"
        kw.setdefault("secret", SECRET)
        super().__init__(reactor, "unix:///redis", address=address, **kw)
        self._memory = ports
        self.path = address
        self.warnings: list[str] = []
        observer: Any = self._note
        self._log = Logger(observer=observer)

    def _note(self, event: Any) -> None:
        self.warnings.append(formatEvent(event))

    def listening(self) -> Any:
        return self._memory.listening(self.path)

    def connecting(self, place: Place) -> Any:
        return self._memory.connecting(place.format())


class Machine:
    """
    A process on a machine of its own, in memory.

    :ivar sessions: the protocols that its service has made.
    """

    def __init__(
        self, case: MachinesCase, number: int, protocol: type[Protocol], **kw: Any
    ) -> None:
        factory = RecordingFactory(protocol)
        self.sessions = factory.sessions
        self.cluster = MemoryMachines(case.reactor, case.ports, number, **kw)
        site = SockJSFactory(
            factory, case.options, clock=case.reactor, cluster=self.cluster
        )
        self.site = MemorySite(site)
        self.site.sessionIds = case.ids
        self.service = site.services[""].service

    def stop(self) -> None:
        """
        Have it be gone, with all of its connections.
        """
        self.site.stop()


class MachinesCase(ClusterCase):
    """
    Some machines in memory.
    """

    redis: Redis

    def makeReactor(self) -> Redis:
        self.redis = Redis()
        return self.redis

    def begin(
        self,
        count: int = 3,
        protocol: type[Protocol] = Echo,
        first: int = 0,
        **kw: Any,
    ) -> None:
        for number in range(first, first + count):
            self.workers.append(Machine(self, number, protocol, **kw))  # type: ignore[arg-type]
        self.reactor.settle()

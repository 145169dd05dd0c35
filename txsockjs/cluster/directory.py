"""Which process has a session, as a Redis tells: `Directory`.

Sessions are entered under a digest of their ids: who reads what is in Redis cannot take
a session over.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError, fail
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from txsockjs.core.memory import REMEMBERED
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.redislink import RedisLink
from txsockjs.rooms.redisscripts import Script
from txsockjs.rooms.redisurl import RedisURL

#: Ms for which a session is entered. As long as it is there, it is entered anew three
#: times in that time.
ENTERED: Final = 600_000

#: How many things may be asked that Redis has not answered.
MOST_WAITING: Final = 10_000

# Into how many steps the entries to make anew are divided.
_STEPS: Final = 40

# How many addresses of other processes are kept.
_ADDRESSES: Final = 4096

#: Enter a session, unless it is. Keys: the session. Arguments: the process, ms. Returns
#: the process that has it.
CLAIM: Final = Script(
    """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return owner
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
)

#: Keep the entry of a session that has ended for some time, or for none. Keys: the
#: session. Arguments: the process, ms.
END: Final = Script(
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
"""
)


class Directory:
    """
    Which process has a session, and where that is.

    :ivar me: what this process is called: another name each time that it is started.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        me: bytes,
        prefix: str,
        lease: float,
        timeout: float,
        trust: IOpenSSLClientConnectionCreator | None = None,
    ) -> None:
        """
        :param url: where the Redis is, as for `RedisBroker
            <txsockjs.rooms.redis.RedisBroker>`.
        :param prefix: what the names of all keys begin with.
        :param lease: seconds after which a process that is not heard of is taken to be
            gone.
        :param timeout: seconds within which Redis answers.
        :raise ValueError: for a URL that is none.
        """
        self.me = me
        self.url: RedisURL = RedisURL.parse(url)
        self._clock = reactor
        self._prefix = prefix.encode("ascii")
        self._lease = lease
        self._timeout = timeout
        self._address = b""
        self._link = RedisLink(
            reactor,
            self.url,
            timeout,
            trust,
            self._cameUp,
            self._wentDown,
            lambda channel, data: None,
            (CLAIM, END),
        )
        self._mine: dict[bytes, None] = {}
        # How many claims of a session wait for their answers.
        self._claims: Counter[bytes] = Counter()
        self._untended: list[bytes] = []
        self._portion = 0
        self._waiting = 0
        self._addresses: dict[bytes, tuple[float, bytes]] = {}
        self._leasing = LoopingCall(self._renew)
        self._tending = LoopingCall(self._tend)
        self._leasing.clock = self._tending.clock = reactor

    @property
    def up(self) -> bool:
        """
        Whether Redis can be asked.
        """
        return self._link.up

    def start(self, address: bytes) -> None:
        """
        Begin.

        :param address: where other processes reach this one.
        """
        self._address = address
        self._link.start()

    async def stop(self) -> None:
        """
        Have this process be gone.
        """
        self._stopTending()
        self._link.silence()
        with suppress(BrokerUnavailable, TimeoutError):
            await self._within("DEL", self._process(self.me))
        await self._link.stop()

    def _cameUp(self) -> None:
        self._addresses.clear()
        self._leasing.start(self._lease / 3)
        # Redis may have lost what it had.
        self._untended = list(self._mine)
        self._portion = len(self._untended)
        self._tending.start(ENTERED / 3000 / _STEPS)

    def _wentDown(self, reason: Failure) -> None:
        self._stopTending()

    def _stopTending(self) -> None:
        for call in self._leasing, self._tending:
            if call.running:
                call.stop()

    # Asking

    def _ask(self, *command: Any, limited: bool = True) -> Deferred[Any]:
        if not self._link.up:
            return fail(BrokerUnavailable(f"Redis at {self.url.shown} is not there"))
        if limited and self._waiting >= MOST_WAITING:
            return fail(BrokerUnavailable(f"{self._waiting} things wait for Redis"))
        self._waiting += 1
        return self._link.asking.ask(*command).addBoth(self._answered)

    def _answered(self, result: Any) -> Any:
        self._waiting -= 1
        return result

    def _within(self, *command: Any) -> Deferred[Any]:
        """
        Ask for what somebody waits for.
        """
        asked: Deferred[Any] = Deferred()

        def answered(result: Any) -> None:
            if not asked.called:
                asked.callback(result)

        # What is asked stays in its place, whoever waits for it.
        self._ask(*command).addBoth(answered)
        return asked.addTimeout(self._timeout, self._clock)

    def _tell(self, *command: Any) -> None:
        """
        Have something done that is made up for if it is not.
        """
        self._ask(*command, limited=False).addErrback(lambda failure: None)

    # Processes

    def _process(self, name: bytes) -> bytes:
        return b"%b:process:%b" % (self._prefix, name)

    def _renew(self) -> None:
        lease = round(self._lease * 1000)
        self._tell("SET", self._process(self.me), self._address, "PX", lease)

    async def addressOf(self, process: bytes) -> bytes | None:
        """
        Where a process is reached.

        :return: None if it is gone.
        :raise BrokerUnavailable: if that cannot be asked.
        """
        now = self._clock.seconds()
        until, address = self._addresses.get(process, (0.0, b""))
        if now < until:
            return address
        found = await self._within("GET", self._process(process))
        if not isinstance(found, bytes):
            self.forget(process)
            return None
        self._addresses.pop(process, None)
        self._addresses[process] = now + self._lease / 3, found
        if len(self._addresses) > _ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        return found

    def forget(self, process: bytes) -> None:
        """
        Look the address of a process up anew.
        """
        self._addresses.pop(process, None)

    def processes(self) -> set[bytes]:
        """
        The processes whose addresses are known.
        """
        return set(self._addresses)

    # Sessions

    def keyOf(self, service: str, id: bytes) -> bytes:
        """
        What a session is called.

        :param service: what all processes call its service.
        """
        whole = service.encode("utf-8") + b"\n" + id
        digest = blake2b(whole, digest_size=16).hexdigest().encode("ascii")
        return b"%b:session:%b" % (self._prefix, digest)

    async def claim(self, key: bytes) -> bytes:
        """
        Enter a session as this process's, if no other has it.

        :return: the process that has it.
        :raise BrokerUnavailable: if that cannot be asked.
        """
        self._claims[key] += 1
        try:
            return _name(
                await self._within("EVALSHA", CLAIM.digest, 1, key, self.me, ENTERED)
            )
        finally:
            self._claims[key] -= 1
            if not self._claims[key]:
                del self._claims[key]

    async def find(self, key: bytes) -> bytes | None:
        """
        Which process has a session, if any.

        :raise BrokerUnavailable: if that cannot be asked.
        """
        found = await self._within("GET", key)
        return None if found is None else _name(found)

    def keep(self, key: bytes) -> None:
        """
        A session that was claimed is there.
        """
        self._mine[key] = None

    def release(self, key: bytes) -> None:
        """
        A session that was claimed did not come to be. Where somebody else waits for the
        answer to a claim of it, it may yet: Redis may have made that entry before.
        """
        if key not in self._mine and key not in self._claims:
            self._tell("EVALSHA", END.digest, 1, key, self.me, 0)

    def end(self, key: bytes) -> None:
        """
        A session has ended. That is known here for a while.
        """
        if key in self._mine:
            del self._mine[key]
            kept = round(REMEMBERED * 1000)
            self._tell("EVALSHA", END.digest, 1, key, self.me, kept)

    def _tend(self) -> None:
        """
        Enter some of the sessions anew.
        """
        if not self._untended:
            self._untended = list(self._mine)
            self._portion = -(-len(self._untended) // _STEPS)
        if not self._portion:
            return
        portion = self._untended[-self._portion :]
        del self._untended[-self._portion :]
        for key in portion:
            if key in self._mine:
                self._tell("EVALSHA", CLAIM.digest, 1, key, self.me, ENTERED)


def _name(found: Any) -> bytes:
    if not isinstance(found, bytes):
        raise BrokerUnavailable(f"Redis has answered what it must not: {found!r:.80}")
    return found

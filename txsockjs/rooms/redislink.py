"""The two connections to a Redis, made again whenever one is lost: `RedisLink`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import random
from typing import Any, Final

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError,
    succeed,
)
from twisted.internet.interfaces import IDelayedCall, IOpenSSLClientConnectionCreator
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.redisconnection import (
    Asking,
    Connection,
    ConnectionFactory,
    Hearing,
    together,
)
from txsockjs.rooms.redisscripts import SCRIPTS, Script
from txsockjs.rooms.redisurl import Login, RedisURL

#: Seconds to pause after the first failure, and at the most. Each pause is twice the
#: one before, less up to half of it: the processes that have lost one Redis together do
#: not come back to it together.
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0

#: Seconds after which a connection that does not end by itself is reset.
CLOSE_TIME: Final = 1.0


class RedisLink:
    """
    A connection for commands and one for subscriptions. It is up while both are there:
    where one is lost, the other one is given up.

    :ivar url: where the Redis is.
    :ivar up: whether it can be asked.
    :ivar asking: the connection for commands, while it is up.
    :ivar hearing: the connection for subscriptions, while it is up.
    """

    _log = Logger()

    asking: Asking
    hearing: Hearing

    def __init__(
        self,
        reactor: Any,
        url: RedisURL,
        timeout: float,
        trust: IOpenSSLClientConnectionCreator | None,
        cameUp: Callable[[], object],
        wentDown: Callable[[Failure], object],
        heard: Callable[[bytes, bytes], object],
        scripts: Iterable[Script] = SCRIPTS,
    ) -> None:
        """
        :param reactor: what connects, and tells the time.
        :param timeout: seconds within which a step of connecting is done, and what is
            asked is answered.
        :param trust: what makes TLS connections; None for what the system trusts.
        :param cameUp: called when it is up.
        :param wentDown: called when it is up no longer, with the reason. `stop` does
            not call it.
        :param heard: called with the channel and the data of what is published where
            it has subscribed.
        :param scripts: what is loaded with each connection.
        """
        self._scripts = tuple(scripts)
        self.url = url
        self.up: bool = False
        self._reactor = reactor
        self._timeout = timeout
        self._trust = trust
        self._cameUp = cameUp
        self._wentDown = wentDown
        self._heard = heard
        self._open: dict[Connection, None] = {}
        self._connecting: Deferred[None] = succeed(None)
        self._pausing: IDelayedCall | None = None
        self._beating = LoopingCall(self._beat)
        self._beating.clock = reactor
        self._stopped = False
        self._closed: Deferred[None] | None = None
        self._upSince = 0.0
        self._tries = 0
        # Whether the last line in the log is about its being down.
        self._saidDown = False

    def start(self) -> None:
        """
        Connect, and go on to do so until `stop`. That begins when the reactor runs: a
        daemon forks before.
        """
        self._pausing = self._reactor.callLater(0, self._try)

    def _try(self) -> None:
        self._pausing = None
        self._connecting = Deferred.fromCoroutine(self._connect()).addCallbacks(
            self._connected, self._failed
        )

    async def stop(self) -> None:
        """
        Close the connections, for good.
        """
        self._stopped = True
        self._setDown()
        self._connecting.cancel()
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None
        if self._open:
            self._closed = Deferred()
            for connection in list(self._open):
                connection.transport.loseConnection()
            aborting = self._reactor.callLater(CLOSE_TIME, self._abort)
            await self._closed
            if aborting.active():
                aborting.cancel()

    def silence(self) -> None:
        """
        Call back no more.
        """
        self._cameUp = self._wentDown = self._heard = _nothing

    def drop(self, problem: str) -> None:
        """
        Give up the connections, as though they were lost, and make new ones.

        :param problem: why.
        """
        if self.up:
            self._lost(problem)

    def _connected(self, pair: tuple[Asking, Hearing]) -> None:
        self.asking, self.hearing = pair
        if not all(connection.connected for connection in pair):
            self._again("the connection was lost")
            return
        self.up, self._saidDown = True, False
        self._upSince = self._reactor.seconds()
        self._beating.start(self._timeout / 2, now=False)
        self._log.info("Redis at {url} is there.", url=self.url.shown)
        self._cameUp()

    def _failed(self, failure: Failure) -> None:
        if not self._stopped:
            self._again(failure.getErrorMessage() or repr(failure.value))

    def _lost(self, problem: str) -> None:
        if self._reactor.seconds() - self._upSince > 2 * LONGEST_PAUSE:
            self._tries = 0
        self._setDown()
        self._again(problem)
        # This may stop us, and is called last.
        self._wentDown(Failure(BrokerUnavailable(f"Redis is not there: {problem}")))

    def _setDown(self) -> None:
        self.up = False
        if self._beating.running:
            self._beating.stop()

    def _again(self, problem: str) -> None:
        """
        Try again, after a pause.
        """
        self._abort()
        problem = " ".join(problem.split()).rstrip(".")
        if not self._saidDown:
            self._saidDown = True
            self._log.warn(
                "Redis at {url} is not there: {problem}. Trying again until it is.",
                url=self.url.shown,
                problem=problem,
            )
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._tries, 30))
        self._tries += 1
        self._pausing = self._reactor.callLater(pause * (1 - random() / 2), self._try)

    def _abort(self) -> None:
        for connection in list(self._open):
            connection.transport.abortConnection()

    def _beat(self) -> None:
        alive = self.asking.beat(), self.hearing.beat()
        if not all(alive):
            self.drop(f"it has not answered for {self._timeout / 2:g} s")

    # Connecting

    async def _connect(self) -> tuple[Asking, Hearing]:
        """
        :return: the two connections, ready.
        :raise Exception: whatever a connection fails with.
        """
        host, port = "", 0
        if self.url.master:
            host, port = await self._findMaster()
        elif self.url.hosts:
            [(host, port)] = self.url.hosts
        login, database = self.url.login, self.url.database or None
        asking: Asking = await self._reach(Asking, host, port, login, database)
        if self.url.master:
            # Sentinels may tell of one that is not the master any more, or not yet.
            role = await self._within(asking.ask("ROLE"))
            if not isinstance(role, list) or role[:1] != [b"master"]:
                raise BrokerUnavailable(f"{host}:{port} is not the master")
        loading = [
            asking.ask("SCRIPT", "LOAD", script.source) for script in self._scripts
        ]
        await self._within(together(loading))
        hearing: Hearing = await self._reach(Hearing, host, port, login, database)
        hearing.heard = self._hear
        return asking, hearing

    async def _findMaster(self) -> tuple[str, int]:
        """
        Ask one sentinel after the other.

        :raise BrokerUnavailable: if none of them knows.
        """
        problems: list[str] = []
        login = self.url.sentinelLogin
        for host, port in self.url.hosts:
            try:
                sentinel: Asking = await self._reach(Asking, host, port, login, None)
                try:
                    found = await self._within(
                        sentinel.ask(
                            "SENTINEL", "get-master-addr-by-name", self.url.master
                        )
                    )
                finally:
                    sentinel.transport.loseConnection()
                if found is None:
                    raise BrokerUnavailable("it knows no such master")
                address, number = found
                return address.decode(), int(number)
            except CancelledError:
                raise
            except Exception as error:
                problems.append(f"sentinel {host}:{port}: {error}")
        raise BrokerUnavailable("; ".join(problems))

    async def _reach(
        self,
        kind: type[Connection],
        host: str,
        port: int,
        login: Login,
        database: int | None,
    ) -> Any:
        """
        Make one connection, and log in.
        """
        factory = ConnectionFactory(kind, self._reactor, login, database, self._opened)
        endpoint = self.url.endpoint(
            self._reactor, host, port, self._timeout, self._trust
        )
        connecting: Deferred[Any] = endpoint.connect(factory)
        connection = await connecting
        return await self._within(connection.ready())

    async def _within(self, answer: Deferred[Any]) -> Any:
        """
        Wait for an answer, as long as that may take.
        """
        try:
            return await answer.addTimeout(self._timeout, self._reactor)
        except TimeoutError:
            problem = f"it has not answered for {self._timeout:g} s"
            raise BrokerUnavailable(problem) from None

    def _opened(self, connection: Connection) -> None:
        self._open[connection] = None
        connection.ended.addCallback(self._ended, connection)

    def _ended(self, problem: str, connection: Connection) -> None:
        self._open.pop(connection, None)
        if self._closed is not None and not self._open:
            self._closed.callback(None)
        if self.up and connection in (self.asking, self.hearing):
            self._lost(problem)

    def _hear(self, channel: bytes, data: bytes) -> None:
        self._heard(channel, data)


def _nothing(*args: object) -> None:
    pass

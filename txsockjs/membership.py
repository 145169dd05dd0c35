"""A site among other processes with sessions of the same services: `Membership`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Site

from txsockjs.counters import ClusterCounters
from txsockjs.shutdown import ShutdownHook
from txsockjs.transports.resource import SockJSResource


class Cluster(Protocol):
    """
    The other processes that have sessions of the same services.

    :ivar counters: what was passed on.
    """

    counters: ClusterCounters

    def add(self, prefix: str, service: SockJSResource) -> None:
        """
        Have the sessions of a service be found by all.

        :param prefix: where the service is, which is what all call it.
        """
        raise NotImplementedError

    def start(self, site: Site) -> Deferred[None]:
        """
        Begin: the site is about to listen.

        :return: what fires when the others can pass requests on to here, or why they
            cannot.
        """
        raise NotImplementedError

    def stop(self) -> Deferred[None]:
        """
        Leave, once the sessions have ended. It may have been done before.
        """
        raise NotImplementedError


class Membership:
    """
    Whether a site is in its cluster. It leaves in good order when the reactor stops,
    too.
    """

    _log = Logger()

    def __init__(
        self, cluster: Cluster, site: Any, closeSessions: Callable[[], Deferred[None]]
    ) -> None:
        """
        :param closeSessions: what ends the sessions, which it does not leave before.
        """
        self._cluster = cluster
        self._site = site
        self._closeSessions = closeSessions
        self._started: Deferred[None] = succeed(None)
        self._leaving: list[Deferred[None]] = []
        self._hook = ShutdownHook(site.reactor, self._end, lambda: None)

    def start(self) -> None:
        """
        Join: the site is about to listen.
        """
        started: Deferred[Any] = maybeDeferred(self._cluster.start, self._site)
        self._started = started.addErrback(self._failed)
        self._hook.arm()

    def _failed(self, failure: Failure) -> None:
        self._log.failure(
            "Other processes cannot pass requests on to this one.", failure
        )

    def _end(self) -> Deferred[None]:
        return self._closeSessions().addCallback(lambda _: self.leave())

    def leave(self) -> Deferred[None]:
        """
        Leave: the sessions have ended.

        :return: what fires when that is done, however often it is asked for. It does
            not fail: what goes wrong is logged.
        """
        self._hook.disarm()
        left: Deferred[None] = Deferred()
        self._leaving.append(left)
        if len(self._leaving) == 1:
            # What is not there yet could not be undone.
            self._started.addCallback(lambda _: self._cluster.stop())
            self._started.addErrback(self._stays)
            self._started.addCallback(self._left)
        return left

    def _stays(self, failure: Failure) -> None:
        self._log.failure(
            "Other processes could not be told that this one is gone.", failure
        )

    def _left(self, result: None) -> None:
        leaving, self._leaving = self._leaving, []
        for left in leaving:
            left.callback(None)

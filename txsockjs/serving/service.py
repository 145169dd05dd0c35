"""Sites at endpoints, from the start of the process to its end: `SockJSService`."""

from __future__ import annotations

import os
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    gatherResults,
    maybeDeferred,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorCore,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.web.server import Site

from txsockjs.factory import SockJSMultiFactory
from txsockjs.rooms.shared import SharedRooms
from txsockjs.serving.addresses import ofAll, urlOf
from txsockjs.serving.collecting import ServerCollector
from txsockjs.serving.logs import LoggedService
from txsockjs.serving.notifying import notify
from txsockjs.serving.reloading import Reloader
from txsockjs.serving.rereading import RereadEndpoint
from txsockjs.web.handover import closeStreams


@attrs.frozen
class _Server:
    """
    A site at one endpoint.
    """

    site: Site
    what: str
    path: str
    description: str
    endpoint: IStreamServerEndpoint


class SockJSService(LoggedService):
    """
    Serves a site on any number of endpoints. Stopping it lets the sessions end in good
    order before the ports are closed; a second signal to stop has it wait no longer.
    On SIGHUP its certificates are read again, and its log files opened again.

    :ivar announces: whether it logs where it listens.
    :ivar collector: what sets the garbage collector while this runs, if anything does.
    :ivar reloader: what does that.
    """

    _log = Logger()

    def __init__(
        self,
        site: SockJSMultiFactory,
        endpoints: list[tuple[str, IStreamServerEndpoint]],
        what: str = "SockJS",
    ) -> None:
        """
        :param site: what is served.
        :param endpoints: where, with the string that each came from.
        :param what: what is served, in a few words for the log.
        """
        super().__init__()
        self.site = site
        self.reactor: Any = site.reactor
        self.endpoints = endpoints
        self.what = what
        self.announces = True
        self.collector: ServerCollector | None = None
        self._beside: list[_Server] = []
        self._rooms: SharedRooms | None = None
        self.reloader: Reloader = Reloader(site.reactor)
        self._listening: list[Deferred[IListeningPort | None]] = []

    def serveBeside(
        self,
        site: Site,
        what: str,
        path: str,
        endpoints: list[tuple[str, IStreamServerEndpoint]],
    ) -> None:
        """
        Serve another site beside, for as long as there are sessions.

        :param site: what is served.
        :param what: what that is, in a few words for the log.
        :param path: what is to be opened of it.
        :param endpoints: where, with the string that each came from.
        """
        self._beside += [_Server(site, what, path, *place) for place in endpoints]

    def shareRooms(self, rooms: SharedRooms) -> None:
        """
        Have rooms, for as long as there are sessions.
        """
        self._rooms = rooms

    def setServiceParent(self, parent: Any) -> None:
        """
        Be a part of an application. From then on signals are taken, before somebody
        knows the process and can send it one.
        """
        if isinstance(parent, Componentized):
            self.reloader.watch()
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """
        Listen on every endpoint.

        :raise CannotListenError: if one cannot; and what else an endpoint may raise.
        """
        Service.privilegedStartService(self)
        if self._rooms is not None:
            self._rooms.start()
        failures: list[Failure] = []
        servers = [_Server(self.site, self.what, "", *each) for each in self.endpoints]
        for server in servers + self._beside:
            listening: Deferred[Any] = server.endpoint.listen(server.site)
            listening.addCallback(self._announce, server)
            listening.addErrback(self._failed, server.description, failures)
            self._listening.append(listening)
        if failures:
            failures[0].raiseException()

    def startService(self) -> None:
        Service.startService(self)
        if not self._listening:
            self.privilegedStartService()
        self._rereadAll()
        reactor = self.site.reactor
        if IReactorCore.providedBy(reactor):
            reactor.callWhenRunning(self.reloader.watch)
            reactor.callWhenRunning(notify, "READY=1")
            if self.collector is not None:
                # What was given to the reactor before is there then.
                reactor.callWhenRunning(self.collector.start)

    def _rereadAll(self) -> None:
        """
        Name all that is to be read again.
        """
        add = self.reloader.add
        beside = [(each.description, each.endpoint) for each in self._beside]
        for description, endpoint in [*self.endpoints, *beside]:
            if isinstance(endpoint, RereadEndpoint):
                add(f"the certificates of {description}", endpoint.reread)
        path = self.site.logPath
        if path is not None:
            add(f"the access log {os.fsdecode(path)}", self.site.reopenLog)
        if self.log is not None and self.log.path is not None:
            add(f"the log {self.log.path}", self.log.reopen)

    def stopService(self) -> Deferred[None]:
        """
        Close every session with its close frame, and then the ports.

        :return: what fires when all bytes are written and the ports are closed.
        """
        Service.stopService(self)
        self.reloader.unwatch()
        if self.collector is not None:
            self.collector.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        notify("STOPPING=1")
        listening, self._listening = self._listening, []
        for attempt in listening:
            attempt.cancel()
        ports = await gatherResults(listening)
        await self.site.closeSessions()
        await self.site.leaveCluster()
        if self._rooms is not None:
            await self._rooms.stop()
        for port in ports:
            if port is not None:
                await maybeDeferred(port.stopListening)
        await closeStreams(self.site)

    def _announce(self, port: IListeningPort, server: _Server) -> IListeningPort:
        if self.announces:
            url = urlOf(port.getHost(), server.description) + server.path
            all = ofAll(port.getHost())
            self._log.info("{what} at {url}{all}", what=server.what, url=url, all=all)
        return port

    def _failed(
        self, failure: Failure, description: str, failures: list[Failure]
    ) -> None:
        if failure.check(CancelledError):
            return
        failures.append(failure)
        self.cannotListen(failure, description)

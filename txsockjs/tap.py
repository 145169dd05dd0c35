"""The command ``twistd sockjs``."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from math import inf
from typing import Any, Final

from twisted.internet import reactor as globalReactor
from twisted.internet.interfaces import IProtocolFactory, IStreamServerEndpoint
from twisted.python.filepath import FilePath
from twisted.python.usage import UsageError
from twisted.web.resource import IResource

from txsockjs import demo
from txsockjs.bridge import BridgeFactory
from txsockjs.browser import CLIENT
from txsockjs.cluster.cpus import usableCPUs
from txsockjs.cluster.parent import ParentService
from txsockjs.cluster.watchdog import TIMEOUT
from txsockjs.converters import noSuch
from txsockjs.errors import OptionError, PrefixError
from txsockjs.factory import KEEP_ALIVE, SockJSMultiFactory, keepAliveTime
from txsockjs.files import Beside, PublicFile
from txsockjs.options import SockJSOptions
from txsockjs.rooms.shared import MEMORY, SharedRooms, readOption
from txsockjs.services import loadService
from txsockjs.serving.service import SockJSService
from txsockjs.serving.watching import WatchingUsage

__all__ = ["Options", "SockJSService", "makeService"]

#: How many workers there may be.
MOST_WORKERS: Final = 256

_DEFAULT_LISTEN: Final = "tcp:8080:interface=127.0.0.1"


class Options(WatchingUsage):
    """
    What ``twistd sockjs`` was asked for, checked whole.

    :ivar site: what is served.
    :ivar endpoints: where, with the string that each came from.
    :ivar rooms: the rooms for those services that ask for them, if there are any.
    :ivar wantsRooms: whether those are the rooms of this machine.
    :ivar what: what is served, in a few words.
    :ivar workers: how many processes are to serve, if more than this one.
    :ivar workerTimeout: seconds without a sign of life after which one of them is
        killed; 0 for never.
    :ivar arguments: what all this was read from.
    """

    synopsis = "[--service NAME=OBJECT]... [options]"
    longdesc = (
        "Without --service this serves a demo: a page with a console for each of four "
        "services. Each service is at the URL path of its NAME, such as "
        "http://127.0.0.1:8080/chat, which is what the browser's SockJS is given."
    )
    optParameters: Any = [
        [
            "static",
            None,
            None,
            "A directory of files to serve beside the services, but for those whose "
            "names begin with a dot.",
        ],
        [
            "access-log",
            None,
            None,
            "A file to log every request to. It will hold session ids: whoever reads "
            "it can take over a session that is open.",
        ],
        [
            "sockjs-client",
            None,
            None,
            "A script of sockjs-client for the demo page, to try another version. "
            "[default: 1.6.1, which is in the package]",
        ],
    ]

    def __init__(
        self, reactor: Any = globalReactor, machine: str | None = None
    ) -> None:
        """
        :param machine: where the rooms of this machine are, in one of the workers that
            ``--workers`` asks for; None in their parent, and without.
        """
        WatchingUsage.__init__(self, reactor)
        self.wantsRooms: bool = False
        self._machine = machine
        self.workers: int | None = None
        self.workerTimeout: float | None = None
        self.arguments: list[str] = []
        self.endpoints: list[tuple[str, IStreamServerEndpoint]] = []
        self.rooms: SharedRooms | None = None
        self._broker: str | None = None
        self._roomOptions: dict[str, dict[str, str]] = {}
        self._services: list[tuple[str, str]] = []
        self._common: dict[str, str] = {}
        self._own: dict[str, dict[str, str]] = {}
        self._keepAlive: float | None = KEEP_ALIVE

    def opt_listen(self, description: str) -> None:
        """
        Where to listen: any server endpoint string, such as tcp:8080, unix:/run/chat,
        ssl:443:privateKey=key.pem:certKey=cert.pem or haproxy:tcp:8080. May be given
        several times. [default: tcp:8080:interface=127.0.0.1]
        """
        self.endpoints.append(self._endpoint("listen", description))

    def opt_service(self, service: str) -> None:
        """
        NAME=OBJECT: a service, and the dotted name of a Factory class or instance, a
        Protocol or SockJSConnection class, or a callable that returns one of them;
        found along PYTHONPATH and in the current directory. May be given several
        times. Example: --service chat=myapp.chat.ChatFactory. NAME=connect:ENDPOINT
        bridges each session to a service at a client endpoint, such as
        --service irc=connect:tcp:irc.example.net:6667:framing=lines
        """
        name, _, value = service.partition("=")
        if not name or not value:
            raise UsageError(f"--service {service}: it takes NAME=OBJECT")
        self._services.append((name.strip("/"), value))

    def _load(self, name: str, value: str) -> tuple[str, IProtocolFactory]:
        try:
            if value.startswith("connect:"):
                description = value.removeprefix("connect:")
                return name, BridgeFactory.fromString(self.reactor, description)
            return name, loadService(value)
        except ValueError as error:
            raise UsageError(f"--service {name}={value}: {error}") from error

    def opt_workers(self, number: str) -> None:
        """
        How many processes serve the same endpoints, each on a core of its own, or
        auto: as many as this process may use cores. They are started, watched and
        stopped by this one. SIGHUP has new ones, with the code and the certificates of
        then, take the place of the old ones. [default: this process serves alone]
        """
        if number == "auto":
            self.workers = usableCPUs()
        elif number.isdecimal() and 1 <= int(number) <= MOST_WORKERS:
            self.workers = int(number)
        else:
            raise UsageError(
                f"--workers {number}: it takes a number, 1 to {MOST_WORKERS}, or auto"
            )

    def opt_worker_timeout(self, seconds: str) -> None:
        """
        With --workers: how many seconds a worker may give no sign of life, as one does
        whose code blocks its reactor, before it is killed and another one is started in
        its place; 1 or more, or 0 for as long as it likes. [default: 30]
        """
        try:
            self.workerTimeout = _workerTimeout(seconds)
        except ValueError:
            raise UsageError(
                f"--worker-timeout {seconds}: it takes a number of seconds, 1 or more, "
                "or 0 for no limit"
            ) from None

    def parseOptions(self, options: Any = None) -> None:
        self.arguments = list(sys.argv[1:] if options is None else options)
        # Services, and options that name a callable, may be here.
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        super().parseOptions(options)

    def opt_option(self, option: str) -> None:
        """
        NAME=VALUE: an option of all services; or SERVICE:NAME=VALUE, of one. The
        options are listed below. May be given several times.
        """
        left, equals, value = option.partition("=")
        service, colon, name = left.rpartition(":")
        if not equals or not name:
            raise UsageError(
                f"--option {option}: it takes NAME=VALUE or SERVICE:NAME=VALUE"
            )
        try:
            SockJSOptions.fromStrings({name: value})
        except OptionError as error:
            raise UsageError(f"--option {option}: {error}") from error
        if colon:
            self._own.setdefault(service.strip("/"), {})[name] = value
        else:
            self._common[name] = value

    def opt_keep_alive(self, seconds: str) -> None:
        """
        How many seconds an HTTP connection may be idle between two requests, or none
        for no limit: longer than a proxy in front has for that. [default: 75]
        """
        try:
            self._keepAlive = keepAliveTime(seconds)
        except OptionError as error:
            raise UsageError(f"--keep-alive {seconds}: {error}") from error

    def opt_rooms(self, url: str) -> None:
        """
        Rooms for the services that ask for them, as txsockjs.rooms.RoomsFactory does:
        the URL of the Redis that joins them with those of other processes, such as
        redis://127.0.0.1:6379/0 or unix:///run/redis.sock. This needs the extra
        txsockjs[redis]. @FILE reads the URL from a file, which keeps its password out
        of the list of processes. memory: has rooms of this server alone, which is the
        default with --workers.
        """
        self._broker = url

    def opt_room(self, option: str) -> None:
        """
        PATTERN:NAME=VALUE: an option of the rooms whose names fit a pattern, such as *
        or team-*. The options are history, history_ttl and max_members. May be given
        several times; the first pattern that fits holds. Example: --room *:history=100
        """
        try:
            pattern, value = readOption(option)
        except ValueError as error:
            raise UsageError(f"--room {option}: {error}") from error
        self._roomOptions.setdefault(pattern, {}).update(value)

    def postOptions(self) -> None:
        super().postOptions()
        if not self.endpoints:
            self.opt_listen(_DEFAULT_LISTEN)
        self.checkCluster(self.workers)
        if self.workerTimeout is not None and self.workers is None:
            raise UsageError("--worker-timeout: this goes with --workers")
        if self.hasWorkers:
            self._checkForWorkers()
            return
        factories = [self._load(*service) for service in self._services]
        self.site: SockJSMultiFactory = SockJSMultiFactory(
            clock=self.reactor,
            logPath=self._accessLogPath(),
            keep_alive=self._keepAlive,
            cluster=self.makeCluster(self.reactor),
        )
        self.what: str = self._whatIsServed()
        if factories:
            self._addServices(factories)
            if self["static"] is not None:
                self._addPages(self._staticFiles())
        else:
            factories = self._addDemo()
        url = self._roomsURL([factory for _, factory in factories])
        if url is not None:
            self.rooms = self._makeRooms(url, factories)
        self.makeSites(self.site, self.rooms, [factory for _, factory in factories])

    def _whatIsServed(self) -> str:
        names = dict.fromkeys(name for name, _ in self._services)
        return "SockJS services " + ", ".join(names) if names else "SockJS demo"

    def _checkForWorkers(self) -> None:
        """
        Check what can be checked without what is served, which only workers load.
        """
        if self.parent is not None and self.parent.get("chroot"):
            raise UsageError("--workers: this does not go with twistd's --chroot")
        self._accessLogPath()
        if self._services:
            self._checkNames([name for name, _ in self._services])
            if self["static"] is not None:
                self._staticFiles()
        self.what = self._whatIsServed()

    @property
    def hasWorkers(self) -> bool:
        """
        Whether other processes serve, not this one.
        """
        return self.workers is not None and self._machine is None

    @property
    def patience(self) -> float:
        """
        Seconds that it takes until the last session has ended when this is stopped.
        """
        return max(
            SockJSOptions.fromStrings({**self._common, **own}).drain_timeout
            for own in ({}, *self._own.values())
        )

    def _roomsURL(self, factories: list[Any]) -> str | None:
        """
        Where the rooms are that services ask for.
        """
        url = self._broker
        if self._roomOptions:
            url = url or MEMORY
        elif any(getattr(factory, "needsRooms", False) for factory in factories):
            url = url or self._machine
        if self._machine is None:
            return url
        self.wantsRooms = url in (MEMORY, self._machine)
        return self._machine if self.wantsRooms else url

    def _makeRooms(
        self, url: str, services: Collection[tuple[str, IProtocolFactory]]
    ) -> SharedRooms:
        factories = [factory for _, factory in services]
        try:
            return SharedRooms(self.reactor, url, self._roomOptions, factories)
        except ValueError as error:
            given = "--room" if self._broker is None else "--rooms"
            raise UsageError(f"{given}: {error}") from error

    def _addServices(self, services: Collection[tuple[str, IProtocolFactory]]) -> None:
        self._checkNames([name for name, factory in services])
        for name, factory in services:
            options = {**self._common, **self._own.get(name, {})}
            try:
                self.site.addFactory(factory, name, SockJSOptions.fromStrings(options))
            except PrefixError as error:
                raise UsageError(f"--service {name}: {error}") from error

    def _checkNames(self, names: list[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"--service {name}: two services have this name")
        for name in self._own:
            if name not in names:
                problem = noSuch("service", name, names)
                raise UsageError(f"--option {name}:...: {problem}")

    def _addDemo(self) -> list[tuple[str, IProtocolFactory]]:
        if self["static"] is not None:
            raise UsageError("--static: this goes with --service, not with the demo")
        client = CLIENT
        if self["sockjs-client"] is not None:
            client = FilePath(self["sockjs-client"])
            if not client.isfile():
                path = self["sockjs-client"]
                raise UsageError(f"--sockjs-client {path}: no such file")
        self._common.setdefault("sockjs_url", demo.CLIENT_PATH)
        factories = list(demo.factories(self.reactor, self._machine is None).items())
        self._addServices(factories)
        if self._machine is not None:
            self._roomOptions.setdefault("*", {"history": str(demo.HISTORY)})
        self._addPages(demo.pages(client, demo.documentation()))
        return factories

    def _addPages(self, pages: IResource) -> None:
        self.site.resource = Beside(self.site.resource, pages)

    def _staticFiles(self) -> PublicFile:
        if not os.path.isdir(self["static"]):
            raise UsageError(f"--static {self['static']}: no such directory")
        return PublicFile(os.path.abspath(self["static"]))

    def _accessLogPath(self) -> str | None:
        if self["access-log"] is None:
            return None
        path: str = os.path.abspath(self["access-log"])
        if not os.path.isdir(os.path.dirname(path)):
            raise UsageError(f"--access-log {self['access-log']}: no such directory")
        return path


def _workerTimeout(value: str) -> float:
    """
    :raise ValueError: for what is no such time.
    """
    time = float(value)
    if time and not 1 <= time < inf:
        raise ValueError(value)
    return time


def makeService(config: Options) -> SockJSService | ParentService:
    """
    The service that the parsed command line asks for.
    """
    if config.hasWorkers and config.workers is not None:
        return makeParent(config, config.workers)
    return makeServer(config)


def makeParent(config: Options, workers: int) -> ParentService:
    """
    The service that starts the workers.
    """
    places = [(config.what, "", place) for place, _ in config.endpoints]
    places += [
        (what, path, place)
        for what, path, _, found in config.beside()
        for place, _ in found
    ]
    timeout = TIMEOUT if config.workerTimeout is None else config.workerTimeout
    service = ParentService(
        config.reactor, workers, places, config.arguments, config.patience, timeout
    )
    service.log = config.log
    return service


def makeServer(config: Options) -> SockJSService:
    """
    The service that serves, in this process.
    """
    service = SockJSService(config.site, config.endpoints, config.what)
    service.log = config.log
    service.collector = config.collector
    for resource in config.site.services.values():
        resource.service.logsSessions = config.logsSessions
    for what, path, site, places in config.beside():
        if site is not None:
            service.serveBeside(site, what, path, places)
    if config.rooms is not None:
        service.shareRooms(config.rooms)
    return service

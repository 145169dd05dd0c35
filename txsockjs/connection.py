"""The connection class of sockjs-tornado: `SockJSConnection`, `SockJSRouter`.

::

    class Echo(SockJSConnection):
        def on_message(self, message):
            self.send(message)

    router = SockJSRouter(Echo, "/echo")
    serverFromString(reactor, "tcp:9999").listen(SockJSApplication(router.urls))

What is written for that library runs when its import line is changed. Names are as they
are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from txsockjs.averages import StatsCollector
from txsockjs.clock import Clock, clockOr
from txsockjs.connecting import (
    CLOSED,
    CLOSING,
    CONNECTING,
    OPEN,
    BaseSession,
    ConnectionProtocol,
    Session,
    SessionServer,
    SockJSConnection,
    noMessage,
)
from txsockjs.factory import SockJSMultiFactory
from txsockjs.transports.resource import SockJSResource
from txsockjs.utils import broadcast
from txsockjs.vocabulary import DEFAULT_SETTINGS, ConnectionInfo, optionsOf

__all__ = [
    "CLOSED",
    "CLOSING",
    "CONNECTING",
    "DEFAULT_SETTINGS",
    "OPEN",
    "BaseSession",
    "ConnectionFactory",
    "ConnectionInfo",
    "Session",
    "SockJSApplication",
    "SockJSConnection",
    "SockJSRouter",
]


class ConnectionFactory(Factory):
    """
    A factory like any other whose sessions are connections of a class.

    :ivar server: what these know as their ``session.server``: this, or a router.
    :ivar stats: what counts their sessions and messages.
    """

    def __init__(
        self,
        connection: type[SockJSConnection],
        clock: Clock | None = None,
    ) -> None:
        """
        :param connection: the class.
        :param clock: what tells the time; the global reactor if not given.
        :raise TypeError: if it is no connection class, or has ``async`` methods, which
            nobody would wait for.
        """
        if not (
            isinstance(connection, type) and issubclass(connection, SockJSConnection)
        ):
            raise TypeError(f"{connection!r} is not a subclass of SockJSConnection")
        for name in "on_open", "on_message", "on_close":
            if iscoroutinefunction(getattr(connection, name)):
                raise TypeError(
                    f"{connection.__qualname__}.{name} is an async function, which a "
                    "connection class cannot have; txsockjs.handler takes one"
                )
        self._connection = connection
        self._clock = clock
        self.server: SessionServer = self

    @cached_property
    def stats(self) -> StatsCollector:
        """
        What counts sessions and messages.
        """
        return StatsCollector(clockOr(self._clock))

    def get_connection_class(self) -> type[SockJSConnection]:
        """
        The class.
        """
        return self._connection

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return ConnectionProtocol(self._connection, self.server)

    def broadcast(self, clients: Iterable[SockJSConnection], msg: str | bytes) -> None:
        """
        Send one message to many connections: it is encoded once for all of them.

        :param clients: the connections; one that is closed is skipped.
        :raise TypeError: for a message that is neither str nor bytes.
        """
        if not isinstance(msg, (str, bytes)):
            raise noMessage("broadcast", msg)
        transports, others = [], []
        for client in clients:
            session = client.session
            if session.is_closed:
                continue
            if isinstance(session, Session):
                transports.append(session.transport)
            else:
                others.append(session)
        broadcast(msg, transports)
        # These know best what to make of it.
        for session in others:
            session.send_message(msg, stats=False)
        self.stats.on_pack_sent(len(transports) + len(others))


class SockJSRouter(SockJSResource, Service):
    """
    A SockJS service of connections: a Resource to be put at its prefix, one of the
    ``urls`` of a `SockJSApplication`, and a service of ``twisted.application``, which
    ends its sessions in good order when it is stopped.

    :ivar prefix: where it belongs.
    :ivar settings: the settings of sockjs-tornado, by their names.
    :ivar stats: what counts sessions and messages; see ``stats.dump()``.
    """

    def __init__(
        self,
        connection: type[SockJSConnection],
        prefix: str = "",
        user_settings: Mapping[str, object] | None = None,
        io_loop: object = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        """
        :param connection: the class of the connections.
        :param prefix: where the service is, such as ``"/chat"``.
        :param user_settings: the settings that differ from ``DEFAULT_SETTINGS``, and
            options of txsockjs, which win.
        :param io_loop: nothing; the reactor is what runs it.
        :param clock: what tells the time; the global reactor if not given.
        :raise TypeError: if ``connection`` is no connection class.
        :raise OptionError: for a setting that is unknown or has a value it cannot have.
        """
        given = dict(user_settings or {})
        clock = clockOr(clock)
        self.factory: ConnectionFactory = ConnectionFactory(connection, clock)
        self.factory.server = self
        self.prefix = prefix
        self.settings: dict[str, object] = {**DEFAULT_SETTINGS, **given}
        self.stats: StatsCollector = self.factory.stats
        name = prefix.strip("/") or "sockjs"
        super().__init__(self.factory, optionsOf(given), clock=clock, name=name)

    @property
    def urls(self) -> list[tuple[str, SockJSRouter]]:
        """
        What `SockJSApplication` takes; those of several routers can be added up.
        """
        return [(self.prefix, self)]

    def apply_routes(
        self, routes: list[tuple[str, SockJSRouter]]
    ) -> list[tuple[str, SockJSRouter]]:
        """
        Add `urls` to others.

        :return: the list that was given.
        """
        routes.extend(self.urls)
        return routes

    def get_connection_class(self) -> type[SockJSConnection]:
        """
        The class of the connections.
        """
        return self.factory.get_connection_class()

    def broadcast(self, clients: Iterable[SockJSConnection], msg: str | bytes) -> None:
        """
        Send one message to many connections: it is encoded once for all of them.

        :param clients: the connections; one that is closed is skipped.
        """
        self.factory.broadcast(clients, msg)

    # IService

    def startService(self) -> None:
        """
        Open sessions.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self.start()

    def stopService(self) -> Deferred[None]:
        """
        Close the sessions, which get what was sent to them before.

        :return: what fires when all are closed, after ``drain_timeout`` seconds at
            most.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        return self.closeSessions().addCallback(lambda _: self.stop())


class SockJSApplication(SockJSMultiFactory):
    """
    A web site of routers, to listen with.
    """

    def __init__(
        self,
        urls: Iterable[tuple[str, SockJSRouter]],
        *,
        clock: Clock | None = None,
        **siteOptions: Any,
    ) -> None:
        """
        :param urls: the `urls <SockJSRouter.urls>` of the routers.
        :param clock: what tells the time; the global reactor if not given.
        :param siteOptions: what `Site <twisted.web.server.Site>` takes.
        :raise PrefixError: if a prefix is empty, or taken.
        :raise TypeError: for anything that is no router. A Resource of another kind
            goes beside them with ``putChild``.
        """
        super().__init__(clock=clock, **siteOptions)
        for entry in urls:
            prefix, router = entry if len(entry) == 2 else ("", None)
            if not isinstance(router, SockJSRouter):
                raise TypeError(
                    f"{entry!r} is none of the urls of a SockJSRouter; other content "
                    "goes beside a router with root.putChild(...) and Site(root)"
                )
            self.addService(router, prefix)

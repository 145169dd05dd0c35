"""Connecting to a SockJS service: `SockJSClientEndpoint`. (PROTOCOL section 9.)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.cookiejar import CookieJar
from typing import Any, Final, overload

import attrs
from hyperlink import DecodedURL, EncodedURL
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txsockjs._checkers import IsClientEndpoint
from txsockjs.client.agent import WebClient
from txsockjs.client.carriers import CARRIERS, RAW, MakeCarrier
from txsockjs.client.info import fetch
from txsockjs.client.interfaces import ICarrier
from txsockjs.client.place import Place, Settings, Web, rto
from txsockjs.client.proxies import ProxySetting
from txsockjs.client.session import ClientSession
from txsockjs.client.transport import ClientTransport, SecureClientTransport
from txsockjs.client.url import SockJSURL
from txsockjs.errors import AllTransportsFailed, ConnectFailed, TransportFailed
from txsockjs.factories import (
    ClassT,
    ProtocolFactory,
    ProtocolSource,
    ProtocolT,
    factoryOf,
)

# How many seconds an attempt has where nobody knows how long a trip takes.
_UNKNOWN: Final = 5.0

# How many trips to the server and back an attempt has.
_TRIPS: Final = 2


@attrs.define
class Search:
    """
    The search for a transport that works.

    :ivar failures: the name of each that does not, and why.
    :ivar sessions: those that were to be opened.
    """

    failures: list[tuple[str, BaseException]] = attrs.Factory(list)
    sessions: list[ClientSession] = attrs.Factory(list)


@attrs.frozen
class Found:
    """
    A session that is open, and is nobody's yet.
    """

    session: ClientSession
    carrier: ICarrier
    name: str
    secure: bool


@implementer(IStreamClientEndpoint)
class Connector(IsClientEndpoint):
    """
    Opens sessions with one service, with carriers and an HTTP side that it is given.

    :ivar settings: what the user has set.
    :ivar url: where the service is.
    :ivar web: the HTTP side.
    """

    def __init__(
        self,
        clock: Any,
        url: SockJSURL,
        settings: Settings,
        web: Web,
        carriers: Mapping[str, MakeCarrier],
    ) -> None:
        """
        :param clock: what tells the time.
        :param carriers: for each transport's name what makes its carrier;
            `RAW` is the raw WebSocket's.
        """
        self.url = url
        self.settings = settings
        self._clock = clock
        self.web = web
        self._carriers = carriers
        # How many sessions there are, those to be among them.
        self._users = 0

    @overload
    def connect(self, protocolFactory: type[ClassT]) -> Deferred[ClassT]: ...

    @overload
    def connect(
        self, protocolFactory: ProtocolFactory[ProtocolT]
    ) -> Deferred[ProtocolT]: ...

    @overload
    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]: ...

    def connect(self, protocolFactory: ProtocolSource) -> Deferred[Any]:
        """
        Open a session.

        :param protocolFactory: makes its protocol; or the class of that. It is stopped
            when the session is over and its connections are closed.
        :return: what fires with the protocol once the server has opened the session.
            It fails with `ConnectFailed <txsockjs.errors.ConnectFailed>`, or with
            `SessionRefused <txsockjs.errors.SessionRefused>`; each is a
            `ConnectError <twisted.internet.error.ConnectError>`. It can be cancelled,
            which leaves nothing behind.
        :raise TypeError: if ``protocolFactory`` is neither.
        """
        return Deferred.fromCoroutine(self._connect(factoryOf(protocolFactory)))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        factory.doStart()
        self._users += 1
        search = Search()
        try:
            found = await self._inTime(search)
            try:
                protocol = factory.buildProtocol(found.carrier.peer)
                if protocol is None:
                    raise NoProtocol
            except BaseException:
                found.session.abort()
                raise
        except Exception:
            # Whoever hears of it finds no connection any more.
            await DeferredList([session.gone for session in search.sessions])
            await self._left(factory)
            raise
        session = found.session
        session.gone.addCallback(lambda result: self._left(factory))
        kind = SecureClientTransport if found.secure else ClientTransport
        session.attach(
            kind(session, protocol, self.settings.encoding, found.carrier, found.name)
        )
        return protocol

    def _left(self, factory: IProtocolFactory) -> Deferred[None]:
        """
        A session is over, or is not to be.

        :return: what fires when nothing is left of it.
        """
        self._users -= 1
        # A connection whose response has just ended is not with those that are kept.
        left = deferLater(self._clock, 0).addCallback(self._tidy)
        return left.addCallback(lambda result: factory.doStop())

    def _tidy(self, result: None) -> Deferred[None] | None:
        """
        Keep no connections for nobody.
        """
        return None if self._users else self.web.close()

    def _inTime(self, search: Search) -> Deferred[Found]:
        """
        Find a transport, in the time that there is.
        """
        finding = Deferred.fromCoroutine(self._find(search))

        def timedOut(result: object, seconds: float) -> Failure:
            tried = "".join(f"; {name}: {error}" for name, error in search.failures)
            return Failure(
                ConnectFailed(
                    f"no session with {self.url} within {seconds:g} s (timeout){tried}"
                )
            )

        finding.addTimeout(self.settings.timeout, self._clock, timedOut)
        return finding

    async def _find(self, search: Search) -> Found:
        settings = self.settings
        if settings.raw:
            return await self._tryAll((RAW,), self.url, None, search)
        info, roundTrip = await fetch(
            self.web, self.url, self._clock, settings.info_timeout
        )
        base = info.base(self.url)
        names = settings.transports
        if not info.websocket and "websocket" in names:
            names = tuple(name for name in names if name != "websocket")
            why = "the server offers none: its info says so"
            search.failures.append(("websocket", TransportFailed(why)))
        return await self._tryAll(names, base, roundTrip, search)

    async def _tryAll(
        self,
        names: tuple[str, ...],
        base: SockJSURL,
        roundTrip: float | None,
        search: Search,
    ) -> Found:
        """
        Try one transport after the other.
        """
        for name in names:
            url = base.raw if self.settings.raw else base.session()
            place = Place(
                url, self.web, self._clock, self.settings, roundTrip, base.query
            )
            session = ClientSession(place)
            carrier = self._carriers[name](session, place)
            search.sessions.append(session)
            try:
                await self._try(session, carrier, roundTrip)
            except ConnectFailed as error:
                search.failures.append((name, error))
                continue
            return Found(session, carrier, name, base.secure)
        raise AllTransportsFailed(str(self.url), search.failures)

    async def _try(
        self, session: ClientSession, carrier: ICarrier, roundTrip: float | None
    ) -> None:
        """
        Try one transport, for as long as an attempt may take.
        """
        if self.settings.raw:
            # There is no other, and nobody knows how far it is.
            return await session.open(carrier)
        seconds = _UNKNOWN if roundTrip is None else _TRIPS * rto(roundTrip)
        seconds = max(seconds, self.settings.attempt_timeout)
        late = TransportFailed(
            f"timed out after {seconds:.3g} s; attempt_timeout allows it more"
        )
        timer = self._clock.callLater(seconds, session.giveUp, late)
        try:
            await session.open(carrier)
        finally:
            if timer.active():
                timer.cancel()


class SockJSClientEndpoint(Connector):
    """
    Connects to a SockJS service, as a TCP endpoint connects to a host.
    """

    def __init__(
        self,
        reactor: Any,
        url: str | EncodedURL | DecodedURL,
        /,
        *,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        cookies: CookieJar | Mapping[str, str] | None = None,
        contextFactory: object = None,
        proxy: ProxySetting = None,
        **settings: Any,
    ) -> None:
        """
        :param reactor: what connects.
        :param url: the base URL of the service, with ``http``, ``https``, ``ws`` or
            ``wss``: what a browser's ``new SockJS(url)`` is given.
        :param headers: what each request has beside its own headers.
        :param cookies: names and values; or a jar, in which cookies are kept too.
        :param contextFactory: how TLS is spoken: an `IPolicyForHTTPS
            <twisted.web.iweb.IPolicyForHTTPS>`, or what `optionsForClientTLS
            <twisted.internet.ssl.optionsForClientTLS>` has made, with a client's
            certificate for example. By default the authorities that the system trusts
            are trusted.
        :param proxy: the URL of an HTTP proxy, with name and password if it wants them;
            None: what the environment says; ``""`` or False: none.
        :param settings: as `Settings <txsockjs.client.place.Settings>` has them.
        :raise InvalidURL: if that is no URL of a service, or the proxy is none of one.
        :raise OptionError: for a setting that is unknown or a value that is not
            allowed.
        """
        parsed = SockJSURL.parse(url)
        checked = Settings.fromDict(settings)
        web = WebClient(
            reactor,
            headers=headers,
            cookies=cookies,
            contextFactory=contextFactory,
            proxy=proxy,
            timeout=checked.timeout,
        )
        super().__init__(reactor, parsed, checked, web, CARRIERS)

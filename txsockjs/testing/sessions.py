"""A client's sessions with a Site in memory: `MemorySockJSEndpoint`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.cookiejar import CookieJar
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.http_headers import Headers

from txsockjs.client.agent import WebClient
from txsockjs.client.carriers import CARRIERS
from txsockjs.client.endpoint import Connector
from txsockjs.client.place import Settings
from txsockjs.client.url import SockJSURL
from txsockjs.testing.endpoint import MemoryClientEndpoint
from txsockjs.testing.site import CLIENT, MemorySite, addressOf
from txsockjs.testing.values import Peer


class _MemoryWeb(WebClient):
    """
    The HTTP side of such a client: every URL is the Site's.
    """

    def __init__(
        self, site: MemorySite, peer: Peer, delay: float | None, **arguments: Any
    ) -> None:
        super().__init__(site.reactor, proxy=False, **arguments)
        self._site = site
        self._peer = addressOf(peer)
        self._delay = delay

    def endpointFor(self, url: str) -> IStreamClientEndpoint:
        secure = url.startswith("https:")
        return MemoryClientEndpoint(
            self._site, self._peer, secure=secure, delay=self._delay
        )


class MemorySockJSEndpoint(Connector):
    """Connects to a service of a `MemorySite`: a `SockJSClientEndpoint
    <txsockjs.client.endpoint.SockJSClientEndpoint>` without a network, in which nothing
    happens before `MemorySite.settle` or `MemorySite.advance`.
    """

    def __init__(
        self,
        site: MemorySite,
        url: str = "http://server.example/",
        *,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        cookies: CookieJar | Mapping[str, str] | None = None,
        peer: Peer = CLIENT,
        delay: float | None = None,
        **settings: Any,
    ) -> None:
        """
        :param site: the Site.
        :param url: the base URL of the service, at any host. With ``https`` the Site
            sees TLS connections.
        :param headers: what each request has beside its own headers.
        :param cookies: names and values; or a jar, in which cookies are kept too.
        :param peer: the client's address, or its host alone.
        :param delay: how many seconds bytes are on their way; None for the Site's.
        :param settings: as `Settings <txsockjs.client.place.Settings>` has them.
        :raise InvalidURL: if that is no URL of a service.
        :raise OptionError: for a setting that is unknown or a value that is not
            allowed.
        """
        checked = Settings.fromDict(settings)
        web = _MemoryWeb(
            site,
            peer,
            delay,
            headers=headers,
            cookies=cookies,
            timeout=checked.timeout,
        )
        super().__init__(site.reactor, SockJSURL.parse(url), checked, web, CARRIERS)

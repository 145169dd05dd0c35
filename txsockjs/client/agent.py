"""The HTTP side of a client: `WebClient`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.cookiejar import CookieJar
from typing import Any, Final

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from txsockjs.client import cookies as jars
from txsockjs.client.connections import (
    NoEndpoint,
    TimedEndpoint,
    Watch,
    WatchedEndpoint,
)
from txsockjs.client.failures import failed
from txsockjs.client.plain import Body, PlainAgent
from txsockjs.client.proxies import ProxySetting, TunnelEndpoint, proxyFor
from txsockjs.client.redirections import REDIRECTIONS, follow
from txsockjs.client.responses import WebResponse
from txsockjs.client.servers import SentURL, Server, httpURL
from txsockjs.client.tls import policyFor
from txsockjs.errors import InvalidURL

#: Seconds that a connection waits for the next request. Servers close theirs after 5
#: seconds (Node, Apache) or more. A request that meets such an end may have been done
#: or not, so it cannot be made again; that is why it is us who close.
IDLE: Final = 3


@implementer(IAgentEndpointFactory)
class _Endpoints:
    def __init__(self, client: WebClient, watch: Watch, timeout: float) -> None:
        self._client = client
        self._watch = watch
        self._timeout = timeout

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        url = uri.toBytes().decode("ascii")
        where = str(Server(url))
        endpoint = WatchedEndpoint(self._client.endpointFor(url), self._watch, where)
        return TimedEndpoint(endpoint, self._watch.clock, self._timeout, where)


class WebClient:
    """
    Makes requests, and connections for WebSockets.

    The headers and cookies of the user are for the server of the URL that is asked for
    first. Another server that a redirection or ``info`` leads to does not get them; the
    same one with ``https`` instead of ``http`` does. Another port of the same host gets
    the cookies alone, as cookies have no ports (RFC 6265, section 8.5).
    """

    def __init__(
        self,
        reactor: Any,
        *,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        cookies: CookieJar | Mapping[str, str] | None = None,
        contextFactory: object = None,
        proxy: ProxySetting = None,
        timeout: float = 30.0,
    ) -> None:
        """
        :param reactor: what connects, and tells the time.
        :param headers: what each request has beside its own headers.
        :param cookies: names and values; or a jar, in which cookies are kept too.
        :param contextFactory: how TLS is spoken: an `IPolicyForHTTPS`, or what
            `optionsForClientTLS <twisted.internet.ssl.optionsForClientTLS>` has made,
            with a client's certificate for example. By default the authorities that the
            system trusts are trusted.
        :param proxy: the URL of an HTTP proxy, with name and password if it wants them;
            None: what the environment says; ``""`` or False: none.
        :param timeout: how many seconds it may take until a server, or a proxy on its
            behalf, is connected. How long an answer may take is up to who asks.
        :raise InvalidURL: if the proxy is no URL of one.
        :raise TypeError: if the context factory is none that checks who is there.
        """
        self._reactor = reactor
        self._headers = _headers(headers)
        self._given = cookies if isinstance(cookies, Mapping) else {}
        self.cookies: CookieJar = (
            cookies if isinstance(cookies, CookieJar) else jars.BoundedJar()
        )
        self._policy = policyFor(contextFactory)
        self._proxy = proxy
        if proxy:
            proxyFor(proxy, False, "", 0)
        self._timeout = timeout
        self._first: Server | None = None
        self._pool = HTTPConnectionPool(reactor)
        self._pool.cachedConnectionTimeout = IDLE
        watch = Watch(reactor)
        agent = Agent.usingEndpointFactory(
            reactor, _Endpoints(self, watch, timeout), self._pool
        )
        jar: Any = self.cookies
        self._http = HTTPClient(PlainAgent(agent, watch), jar)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Headers | Mapping[str, str] | None = None,
    ) -> Deferred[IResponse]:
        """
        Make a request, and follow where it is redirected to: anywhere for ``GET`` and
        ``HEAD``, for another method only with a status that keeps it. From ``https`` it
        is never redirected to ``http``.

        :param method: as in ``POST``.
        :param url: an ``http`` or ``https`` URL.
        :param body: what is sent.
        :param headers: headers of this request. They take precedence over the user's.
        :return: a Deferred of a `WebResponse`, once its head is there; it fails with
            `RequestFailed`. To cancel it ends what has begun.
        """
        own = _headers(headers or ())
        return maybeDeferred(self._request, method, url, body, own, 0)

    def _request(
        self, method: str, url: str, body: bytes | None, own: Headers, count: int
    ) -> Deferred[IResponse]:
        where = self._seen(url)
        headers = self._userHeaders(where)
        for name, values in own.getAllRawHeaders():
            headers.setRawHeaders(name, values)

        def responded(treqs: Any) -> Any:
            response: WebResponse = treqs.original
            response.url = url
            if response.code not in REDIRECTIONS:
                return response
            # What it says besides is for people.
            dropped = response.drop(self._reactor)
            target = follow(method, response, count + 1)
            return dropped.addCallback(
                lambda _: self._request(method, target, body, own, count + 1)
            )

        def lost(failure: Failure) -> Failure:
            return Failure(failed(failure, str(where)))

        requested: Deferred[Any] = maybeDeferred(
            self._http.request,
            method,
            SentURL.of(url),
            headers=headers,
            data=None if body is None else Body(body),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        return requested.addCallbacks(responded, lost)

    def endpointFor(self, url: str) -> IStreamClientEndpoint:
        """
        What connects to the host of a URL, with TLS and through a proxy where that is
        so.

        :param url: a URL with ``http``, ``https``, ``ws`` or ``wss``.
        :return: what connects, in the time that there is. Where the environment has a
            proxy that is none, it does not.
        :raise InvalidURL: if it is none.
        """
        where = Server(url)
        try:
            proxy = proxyFor(self._proxy, where.secure, where.host, where.port)
        except InvalidURL as error:
            return NoEndpoint(str(error))
        if proxy is None:
            endpoint = self._hostEndpoint(where.host, where.port)
        else:
            endpoint = self._hostEndpoint(proxy.host, proxy.port)
            if proxy.secure:
                endpoint = self._secured(endpoint, proxy.host, proxy.port)
            endpoint = TunnelEndpoint(endpoint, proxy, where.host, where.port)
        if where.secure:
            endpoint = self._secured(endpoint, where.host, where.port)
        return TimedEndpoint(endpoint, self._reactor, self._timeout, str(where))

    def _hostEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, host, port, self._timeout
        )
        return endpoint

    def _secured(
        self, endpoint: IStreamClientEndpoint, host: str, port: int
    ) -> IStreamClientEndpoint:
        creator = self._policy.creatorForNetloc(host.encode("ascii"), port)
        secured: IStreamClientEndpoint = wrapClientTLS(creator, endpoint)
        return secured

    def headersFor(self, url: str) -> dict[str, str]:
        """
        What a WebSocket's handshake says besides its own: the user's headers, and the
        cookies for this URL.
        """
        where = self._seen(url)
        headers = self._userHeaders(where)
        cookie = jars.header(self.cookies, httpURL(url))
        if cookie is not None and not headers.hasHeader("Cookie"):
            headers.setRawHeaders("Cookie", [cookie])
        return {
            name.decode("ascii"): ", ".join(v.decode("latin-1") for v in values)
            for name, values in headers.getAllRawHeaders()
        }

    def keepCookies(self, url: str, rawHeaders: Headers) -> None:
        """
        Keep the cookies that a handshake's answer sets.
        """
        jars.keep(self.cookies, httpURL(url), rawHeaders)

    def close(self) -> Deferred[None]:
        """
        Close the connections that are kept for later requests.
        """
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    def _seen(self, url: str) -> Server:
        where = Server(url)
        if self._first is None:
            self._first = where
            jars.fill(self.cookies, httpURL(url), self._given)
        return where

    def _userHeaders(self, where: Server) -> Headers:
        assert self._first is not None
        return self._headers.copy() if where.isTrusted(self._first) else Headers()


def _headers(given: Headers | Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
    if isinstance(given, Headers):
        return given.copy()
    headers = Headers()
    for name, value in given.items() if isinstance(given, Mapping) else given:
        headers.addRawHeader(name, value)
    return headers

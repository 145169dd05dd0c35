"""HTTP proxies: which one leads to a server, and a tunnel through it."""

from __future__ import annotations

import base64
import re
from typing import Any, Final, Literal
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass

import attrs
from hyperlink import URL, URLParseError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.client.failures import explain
from txsockjs.client.servers import encoded, place
from txsockjs.errors import InvalidURL, RequestFailed

#: How many bytes the head of a proxy's answer may have.
MAX_ANSWER: Final = 16 * 1024

_PORTS: Final = {"http": 80, "https": 443}
_VARIABLES: Final = {
    "http": "http_proxy",
    "https": "https_proxy",
    "all": "all_proxy",
}
_END: Final = re.compile(rb"\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/\d\.\d (\d{3})(?: ([^\r\n]*))?\r?\n")

#: What a user says: a URL; None: what the environment says; anything else: no proxy.
ProxySetting = str | Literal[False] | None


@attrs.frozen
class Proxy:
    """
    A proxy.

    :ivar host: its host, a name or an address.
    :ivar port: its port.
    :ivar secure: whether TLS is spoken with the proxy itself.
    :ivar authorization: what it is told of who asks, or None.
    """

    host: str
    port: int
    secure: bool = False
    authorization: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def fromURL(cls, text: str, source: str = "proxy") -> Proxy:
        """
        :param text: as in ``http://user:password@proxy.example:3128``; without a
            scheme, it is ``http``.
        :param source: what said so, for the error.
        :raise InvalidURL: if it is none. The password is not shown.
        """
        shown = re.sub(r"^(.*://)?.*@", r"\1...@", text)
        try:
            url = encoded(URL.from_text(text if "://" in text else f"http://{text}"))
        except (ValueError, URLParseError) as error:
            raise InvalidURL(f"{source} {shown!r} is no URL: {error}") from None
        if url.scheme not in _PORTS or not url.host:
            raise InvalidURL(
                f"{source} {shown!r}: a proxy is http://HOST:PORT or https://HOST:PORT"
            )
        authorization = None
        if url.userinfo:
            name, _, password = url.userinfo.partition(":")
            # RFC 7617, section 2.
            pair = f"{unquote(name)}:{unquote(password)}".encode()
            authorization = "Basic " + base64.b64encode(pair).decode("ascii")
        return cls(
            url.host,
            url.port or _PORTS[url.scheme],
            url.scheme == "https",
            authorization,
        )

    def __str__(self) -> str:
        return place(self.host, self.port)


def proxyFor(setting: ProxySetting, secure: bool, host: str, port: int) -> Proxy | None:
    """
    Tell which proxy leads to a server.

    :param setting: what the user has said. With None it is what the variables
        ``https_proxy`` or ``http_proxy``, else ``all_proxy``, and ``no_proxy`` of the
        environment say, in either case.
    :param secure: whether TLS is spoken with the server.
    :raise InvalidURL: if what is said is no proxy.
    """
    if setting is not None:
        return Proxy.fromURL(setting) if setting else None
    proxies = getproxies_environment()
    scheme = "https" if secure else "http"
    for name in (scheme, "all"):
        if text := proxies.get(name):
            break
    else:
        return None
    if any(proxy_bypass(form) for form in (host, place(host, port))):
        return None
    return Proxy.fromURL(text, _VARIABLES[name])


class _Tunnel(Protocol):
    """
    The connection to a proxy: first the request for a tunnel, then what is in it.
    """

    _inner: IProtocol | None = None

    def __init__(self, endpoint: TunnelEndpoint, factory: IProtocolFactory) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._answer = b""
        self.open: Deferred[IProtocol] = Deferred(self._cancel)
        self._waiting = True

    def _cancel(self, _: Deferred[IProtocol]) -> None:
        self._waiting = False
        self._abort()

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self._endpoint.request())

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
        elif self._waiting:
            self._answer += data
            if end := _END.search(self._answer):
                self._answered(self._answer[: end.end()], self._answer[end.end() :])
            elif len(self._answer) > MAX_ANSWER:
                self._fail(f"the head of its answer has more than {MAX_ANSWER} bytes")

    def _answered(self, head: bytes, rest: bytes) -> None:
        status = _STATUS.match(head)
        if status is None:
            self._fail(f"it answers with no HTTP: {head[:60]!r}")
            return
        code = int(status[1])
        # RFC 9110, section 9.3.6: any of these, and there is no body.
        if code // 100 != 2:
            phrase = (status[2] or b"").decode("latin-1")
            self._fail(
                f"{code} {phrase}".rstrip()
                + (
                    ": it wants a name and a password, as in http://NAME:PASSWORD@HOST"
                    if code == 407
                    else ""
                )
            )
        else:
            self._opened(rest)

    def _opened(self, rest: bytes) -> None:
        self._waiting = False
        self._answer = b""
        transport: Any = self.transport
        inner = self._factory.buildProtocol(transport.getPeer())
        if inner is None:
            self._waiting = True
            self._fail("the tunnel is not wanted any more")
            return
        self._inner = inner
        inner.makeConnection(transport)
        # Who is told of the connection comes first, as with any endpoint.
        self.open.callback(inner)
        if rest:
            inner.dataReceived(rest)

    def _fail(self, problem: str) -> None:
        self._waiting = False
        self._abort()
        self.open.errback(
            RequestFailed(
                f"proxy {self._endpoint.proxy} does not connect to "
                f"{self._endpoint.target}: {problem}"
            )
        )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif self._waiting:
            self._fail(explain(reason, "its answer"))


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """
    Connects to a server through a proxy (RFC 9110, section 9.3.6).

    :ivar proxy: the proxy.
    :ivar target: the server, as in ``example.com:443``.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, proxy: Proxy, host: str, port: int
    ) -> None:
        """
        :param endpoint: what connects to the proxy.
        """
        self._endpoint = endpoint
        self.proxy = proxy
        self.target: str = place(host, port)

    def request(self) -> bytes:
        """
        What asks the proxy for a tunnel.
        """
        lines = [f"CONNECT {self.target} HTTP/1.1", f"Host: {self.target}"]
        if self.proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.proxy.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :return: a Deferred of the factory's protocol, which fails with
            `RequestFailed` where the proxy refuses.
        """

        def build(address: IAddress | None) -> _Tunnel:
            return _Tunnel(self, protocolFactory)

        def connected(tunnel: Any) -> Deferred[IProtocol]:
            opened: Deferred[IProtocol] = tunnel.open
            return opened

        def lost(reason: Failure) -> Failure:
            return Failure(RequestFailed(f"proxy {explain(reason, str(self.proxy))}"))

        connecting = self._endpoint.connect(_TunnelFactory(build))
        return connecting.addCallbacks(connected, lost)


class _TunnelFactory(Factory):
    noisy = False

    def __init__(self, build: Any) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        tunnel: Protocol = self._build(addr)
        return tunnel

"""Our client with our server: by itself, over TLS, and behind the proxies of
``examples/deploy``."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trustme
from twisted.internet import defer, reactor
from twisted.internet.endpoints import SSL4ServerEndpoint, serverFromString
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from tests.support.programs.node import need
from tests.support.programs.proxies import startHAProxy, startNginx
from tests.support.programs.servers import Server
from tests.support.talking import EchoCase
from txsockjs.errors import AllTransportsFailed

TRANSPORTS = ("websocket", "xhr-streaming", "xhr-polling")


class Reached:
    """
    What must hold for our server, however it is reached.

    :ivar url: its URL, without a slash at the end.
    """

    url: str
    server: Server

    async def serve(self: Any, endpoint: Any, scheme: str = "http", **how: Any) -> Any:
        """
        Have a server.
        """
        server = await Server(**how).start(endpoint, scheme)
        self.addCleanup(lambda: defer.ensureDeferred(server.stop()))
        return server

    async def test_webSocket(self: Any) -> None:
        """
        The transport ``websocket`` passes.
        """
        await self.assertEchoes(f"{self.url}/echo", "websocket")

    async def test_xhrStreaming(self: Any) -> None:
        """
        The transport ``xhr-streaming`` passes.
        """
        await self.assertEchoes(f"{self.url}/echo", "xhr-streaming")

    async def test_xhrPolling(self: Any) -> None:
        """
        The transport ``xhr-polling`` passes.
        """
        await self.assertEchoes(f"{self.url}/echo", "xhr-polling")

    async def test_raw(self: Any) -> None:
        """
        The raw WebSocket passes.
        """
        await self.assertEchoes(f"{self.url}/echo", "raw")

    async def test_closes(self: Any) -> None:
        """
        The server's last message, its code and its reason get through.
        """
        for transport in (*TRANSPORTS, "raw"):
            talk = await self.talk(f"{self.url}/close_as_asked", transport)
            talk.transport.write("4007 over ☃ out".encode())
            await self.assertClosed(talk, 4007, "over ☃ out", ["last words"])

    async def test_atOnce(self: Any) -> None:
        """
        Each message comes when it is sent: nothing on the way waits for more.
        """
        for transport in (*TRANSPORTS, "raw"):
            talk = await self.talk(f"{self.url}/echo", transport)
            before = reactor.seconds()
            for number in range(20):
                talk.transport.write(b"x")
                await talk.until(number + 1)
            # Who holds what is sent, to send it with more, does so for 0.2 s each.
            self.assertLess(reactor.seconds() - before, 3)

    async def test_fallsBack(self: Any) -> None:
        """
        Where something on the way lets no WebSocket through, the next transport is
        taken, and works.
        """
        url = f"{self.url}/without_upgrade"
        talk = await self.talk(url, "xhr-streaming", transports=TRANSPORTS)
        talk.transport.write(b"hello")
        await talk.until(1)
        self.assertEqual(talk.heard, ["hello"])
        with self.assertRaises(AllTransportsFailed) as caught:
            await self.talk(url, "websocket")
        self.assertIn("websocket: ", str(caught.exception))
        self.assertIn("400 Bad Request", str(caught.exception))

    async def test_cookie(self: Any) -> None:
        """
        The cookie of a service that needs one is kept, and sent with the session's
        requests.
        """
        for transport in TRANSPORTS:
            jar = {"JSESSIONID": "from-the-user"}
            talk = await self.talk(f"{self.url}/describe", transport, cookies=jar)
            talk.transport.write(b"?")
            await talk.until(1)
            [answer] = map(json.loads, talk.heard)
            self.assertEqual(answer["cookie"], "from-the-user")
            self.assertEqual(answer["transport"], NAMES[transport])
            self.assertEqual(answer["secure"], self.secure)

    #: Whether the server knows that TLS is spoken.
    secure = False


#: What our server calls the transports.
NAMES = {
    "websocket": "websocket",
    "xhr-streaming": "xhr_streaming",
    "xhr-polling": "xhr",
}


class PlainTests(Reached, EchoCase):
    """
    By itself.
    """

    async def setUp(self) -> None:
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        self.server = await self.serve(endpoint)
        self.url = self.server.url


class TLSTests(Reached, EchoCase):
    """
    Over TLS, with an authority that the client is told of.
    """

    secure = True

    async def setUp(self) -> None:
        authority = trustme.CA()
        self.settings = {"contextFactory": trusting(authority)}
        own = authority.issue_cert("127.0.0.1")
        pem = own.private_key_and_cert_chain_pem.bytes()
        options = PrivateCertificate.loadPEM(pem).options()
        endpoint = SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")
        self.server = await self.serve(endpoint, "https")
        self.url = self.server.url


def trusting(authority: trustme.CA) -> Any:
    """
    What trusts an authority, for servers on 127.0.0.1.
    """
    root = Certificate.loadPEM(authority.cert_pem.bytes())
    return optionsForClientTLS("127.0.0.1", trustRootFromCertificates([root]))


class Behind(Reached):
    """
    Behind a proxy, with two servers; a subclass says which.
    """

    program: str
    #: Starts the proxy before servers on some ports, and gives the port of its own.
    startProxy: Callable[[Any, Sequence[int]], Awaitable[int]]
    #: The endpoint and the options with which the servers learn the client's address.
    endpoint: str
    options: dict[str, Any] = {}

    async def setUp(self: Any) -> None:
        need(self.program)
        self.servers = [
            await self.serve(serverFromString(reactor, self.endpoint), **self.options)
            for _ in range(2)
        ]
        ports = [server.port.getHost().port for server in self.servers]
        self.url = f"http://127.0.0.1:{await self.startProxy(ports)}"

    async def test_spread(self: Any) -> None:
        """
        Sessions are spread over the servers, and each stays where it is.
        """
        for number in range(12):
            transport = TRANSPORTS[number % 3]
            talk = await self.talk(f"{self.url}/describe", transport)
            for count in range(1, 3):
                talk.transport.write(b"?")
                await talk.until(count)
            self.assertEqual(talk.lost, [])
        counts = [server.described for server in self.servers]
        self.assertEqual(sum(counts), 12)
        self.assertTrue(all(counts), counts)


class NginxTests(Behind, EchoCase):
    """
    Behind nginx.
    """

    program = "nginx"
    startProxy = startNginx
    endpoint = "tcp:0:interface=127.0.0.1"
    options = {"proxy_header": "X-Forwarded-For"}


class HAProxyTests(Behind, EchoCase):
    """
    Behind HAProxy.
    """

    program = "haproxy"
    startProxy = startHAProxy
    endpoint = "haproxy:tcp:0:interface=127.0.0.1"


class NginxTLSTests(NginxTests):
    """
    Behind nginx, which speaks TLS with the clients.
    """

    async def startProxy(self, ports: Sequence[int]) -> int:
        authority = trustme.CA()
        self.settings = {"contextFactory": trusting(authority)}
        own = authority.issue_cert("127.0.0.1")
        path = Path(self.mktemp()).absolute()
        own.private_key_and_cert_chain_pem.write_to_path(path)
        listen = "listen 127.0.0.1:{port} ssl;" + (
            f"ssl_certificate {path}; ssl_certificate_key {path};"
        )
        return await startNginx(self, ports, listen)

    async def setUp(self) -> None:
        await super().setUp()
        self.url = self.url.replace("http:", "https:")

"""Clients through HTTP proxies, and with TLS that fails, over real sockets."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import trustme
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)
from twisted.protocols.wire import QOTD, Echo
from twisted.trial.unittest import TestCase
from twisted.web.client import BrowserLikePolicyForHTTPS

from tests.support.tunnels import TunnelProxy
from txsockjs import SockJSFactory
from txsockjs.client import SockJSClientEndpoint
from txsockjs.client.agent import WebClient
from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import ConnectFailed, RequestFailed

SECRET = "Basic bWU6c2VjcmV0"


class Once(Protocol):
    """
    Says something, and waits for the answer.
    """

    transport: Any = None
    factory: Any

    def connectionMade(self) -> None:
        self.answer: Deferred[bytes] = Deferred()
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data)


class NetworkTestCase(TestCase):
    """
    Services and proxies on ports of their own, and an authority for them.
    """

    timeout = 60

    def setUp(self) -> None:
        self.authority = trustme.CA()
        root = Certificate.loadPEM(self.authority.cert_pem.bytes())
        self.policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([root]))

    def context(self, *names: str, authority: Any = None, **how: Any) -> Any:
        """
        What speaks TLS as a server.
        """
        issued = (authority or self.authority).issue_cert(*names, **how)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        issued.configure_cert(context)
        options = CertificateOptions()
        options.getContext = lambda: context
        return options

    def listen(self, factory: Any, context: Any = None) -> int:
        """
        Listen until the test ends.

        :return: the port's number.
        """
        net: Any = reactor
        if context is None:
            port = net.listenTCP(0, factory, interface="127.0.0.1")
        else:
            port = net.listenSSL(0, factory, context, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def serve(self, context: Any = None) -> int:
        """
        Serve an echo at ``/``.
        """
        return self.listen(SockJSFactory(Factory.forProtocol(Echo)), context)

    async def talk(self, url: str, **how: Any) -> None:
        """
        Connect to a service, hear from it, and leave.
        """
        factory = Factory.forProtocol(Once)
        factory.noisy = False
        ended: Deferred[None] = Deferred()
        endpoint = SockJSClientEndpoint(reactor, url, contextFactory=self.policy, **how)
        protocol: Any = await endpoint.connect(factory)
        factory.stopFactory = lambda: ended.callback(None)
        self.assertEqual(await protocol.answer, b"hello")
        protocol.transport.loseConnection()
        await ended

    async def problem(self, url: str, **how: Any) -> str:
        """
        What a request fails with, as a person reads it.
        """
        how.setdefault("contextFactory", self.policy)
        web = WebClient(reactor, **how)
        try:
            await web.request("GET", url)
        except RequestFailed as error:
            return str(error)
        finally:
            await web.close()
        raise AssertionError("it did not fail")


class ProxyTests(NetworkTestCase):
    async def test_each(self) -> None:
        """
        Each transport goes through a proxy, with and without TLS to the server.
        """
        proxy = TunnelProxy(SECRET)
        port = self.listen(proxy)
        for scheme, context in ("http", None), ("https", self.context("localhost")):
            server = self.serve(context)
            url = f"{scheme}://localhost:{server}/"
            for kind in (*TRANSPORTS, "raw"):
                how: Any = {"raw": True} if kind == "raw" else {"transports": kind}
                proxy.asked.clear()
                await self.talk(url, proxy=f"http://me:secret@127.0.0.1:{port}", **how)
                self.assertEqual(
                    set(proxy.asked), {f"CONNECT localhost:{server} HTTP/1.1"}
                )
                await proxy.idle

    async def test_secureProxy(self) -> None:
        """
        TLS can be spoken with the proxy too, and with the server inside of it.
        """
        proxy = TunnelProxy()
        port = self.listen(proxy, self.context("localhost"))
        server = self.serve(self.context("127.0.0.1"))
        for kind in TRANSPORTS:
            await self.talk(
                f"https://127.0.0.1:{server}/",
                proxy=f"https://localhost:{port}",
                transports=kind,
            )
        self.assertGreater(len(proxy.asked), 3)

    async def test_environment(self) -> None:
        """
        The environment names the proxy, and for whom there is none.
        """
        proxy = TunnelProxy()
        port = self.listen(proxy)
        server = self.serve()
        clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        named = {**clean, "http_proxy": f"http://127.0.0.1:{port}"}
        self.patch(os, "environ", named)
        await self.talk(f"http://127.0.0.1:{server}/")
        asked = len(proxy.asked)
        self.assertGreater(asked, 0)
        self.patch(os, "environ", {**named, "no_proxy": "127.0.0.1"})
        await self.talk(f"http://127.0.0.1:{server}/")
        self.patch(os, "environ", named)
        await self.talk(f"http://127.0.0.1:{server}/", proxy="")
        self.assertEqual(len(proxy.asked), asked)

    async def test_refused(self) -> None:
        """
        A proxy that refuses is named, with what it says and what to do, but without the
        password.
        """
        port = self.listen(TunnelProxy(SECRET))
        server = self.serve()
        url = f"http://127.0.0.1:{server}/"
        for raw in (False, True):
            endpoint = SockJSClientEndpoint(
                reactor, url, proxy=f"http://me:wrong@127.0.0.1:{port}", raw=raw
            )
            with self.assertRaises(ConnectFailed) as caught:
                await endpoint.connect(Factory.forProtocol(Once))
            text = str(caught.exception)
            self.assertIn(
                f"proxy 127.0.0.1:{port} does not connect to 127.0.0.1:{server}: "
                "407 Proxy Authentication Required: it wants a name and a password",
                text,
            )
            self.assertNotIn("wrong", text)

    async def test_nothing(self) -> None:
        """
        Where no proxy is, or no server behind it, the error says so.
        """
        port = self.listen(TunnelProxy())
        problem = await self.problem(
            "http://127.0.0.1:1/", proxy=f"http://127.0.0.1:{port}"
        )
        self.assertIn("502 Bad Gateway", problem)
        problem = await self.problem("http://127.0.0.1:2/", proxy="http://127.0.0.1:1")
        self.assertIn("proxy 127.0.0.1:1", problem)
        self.assertIn("connection refused", problem)


class TLSTests(NetworkTestCase):
    async def test_otherHost(self) -> None:
        """
        A certificate for another host is not accepted.
        """
        port = self.serve(self.context("other.example"))
        problem = await self.problem(f"https://localhost:{port}/")
        self.assertIn(f"localhost:{port}: ", problem)
        self.assertIn("the server's certificate is for another host", problem)
        port = self.serve(self.context("localhost"))
        problem = await self.problem(f"https://127.0.0.1:{port}/")
        self.assertIn(
            f"127.0.0.1:{port}: the server's certificate is for another", problem
        )

    async def test_strangers(self) -> None:
        """
        A certificate that nobody vouches for is not accepted by default, whatever the
        server is; nor is one that has expired.
        """
        port = self.serve(self.context("localhost", authority=trustme.CA()))
        for policy in (None, self.policy):
            problem = await self.problem(
                f"https://localhost:{port}/", contextFactory=policy
            )
            self.assertIn("the server's certificate is not trusted", problem)
            self.assertIn("contextFactory", problem)
        past = datetime.now(UTC) - timedelta(days=1)
        port = self.serve(self.context("localhost", not_after=past))
        problem = await self.problem(f"https://localhost:{port}/")
        self.assertIn("the server's certificate is not trusted", problem)

    async def test_noTLS(self) -> None:
        """
        A server without TLS is not talked to as though it had it, nor the other way
        round.
        """
        port = self.listen(Factory.forProtocol(QOTD))
        problem = await self.problem(f"https://localhost:{port}/")
        self.assertIn("speaks no TLS", problem)
        self.assertIn("is it an http URL?", problem)
        port = self.serve(self.context("localhost"))
        problem = await self.problem(f"http://localhost:{port}/")
        self.assertIn(f"localhost:{port}", problem)

    async def test_silent(self) -> None:
        """
        A server that says nothing is not waited for without end.
        """
        port = self.listen(Factory.forProtocol(Protocol))
        problem = await self.problem(f"https://localhost:{port}/", timeout=0.2)
        self.assertIn(f"localhost:{port}: not connected within 0.2 s", problem)

    async def test_refused(self) -> None:
        """
        Where nothing listens, the error says that, and where.
        """
        problem = await self.problem("http://127.0.0.1:1/")
        self.assertIn("127.0.0.1:1: connection refused", problem)
        problem = await self.problem("http://nothing.invalid/")
        self.assertIn("nothing.invalid:80: the name has no address", problem)

"""What ``docs/clients.rst`` shows works, and what it lists is all that there is."""

from __future__ import annotations

import ast
from typing import Any
from unittest import TestLoader, TestResult
from unittest.mock import patch

from twisted.internet import reactor, ssl
from twisted.internet.endpoints import SSL4ServerEndpoint, serverFromString
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

import txsockjs.errors
from tests.support.clientexamples import ClientExampleTestCase
from tests.support.documents import literals, rows
from tests.support.programs.certificates import makeCertificate
from txsockjs.client import AsyncClientSession, Settings
from txsockjs.client.transport import ClientTransport
from txsockjs.factory import SockJSMultiFactory
from txsockjs.interfaces import IMessageTransport
from txsockjs.multiplex import MultiplexFactory

DOCUMENT = "docs/clients.rst"


def firstColumn(heading: str) -> list[str]:
    """
    The literals of a table's first column, without what is behind a parenthesis.
    """
    return [
        literal.partition("(")[0]
        for row in rows(DOCUMENT, heading)
        for literal in literals(row[0])
    ]


class TableTests(SynchronousTestCase):
    """
    The tables of what there is.
    """

    def test_settings(self) -> None:
        """
        Each setting is listed with its default, and no other.
        """
        listed = {
            literals(row[0])[0]: ast.literal_eval(literals(row[1])[0])
            for row in rows(DOCUMENT, "Setting")
        }
        actual = {name: default for name, default, _ in Settings.fields()}
        self.assertEqual(listed, actual)

    def test_transports(self) -> None:
        """
        The transports are listed, in the order in which they are tried.
        """
        self.assertEqual(tuple(firstColumn("Transport")), Settings().transports)

    def test_transport(self) -> None:
        """
        Each member of a transport is listed, and each that is listed is there.
        """
        listed = set(firstColumn("Member"))
        self.assertLessEqual(set(IMessageTransport), listed)
        self.assertLessEqual(listed - {"getPeerCertificate"}, set(dir(ClientTransport)))

    def test_exceptions(self) -> None:
        """
        The exceptions that are listed are there, and are what connecting fails with.
        """
        for name in firstColumn("Exception"):
            found = getattr(txsockjs.errors, name)
            self.assertTrue(issubclass(found, txsockjs.errors.ConnectError), name)

    def test_session(self) -> None:
        """
        What a coroutine's session is said to have is there.
        """
        for name in ("recv", "send", "close", "wait_closed", "close_code"):
            self.assertTrue(hasattr(AsyncClientSession, name), name)


class Received(Protocol):
    """
    A service that keeps what it is told.
    """

    heard: list[str] = []
    made: list[Any] = []

    def connectionMade(self) -> None:
        self.made.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data.decode())


class ExampleTests(ClientExampleTestCase):
    """
    The blocks of Python, with services at the URLs that they name.
    """

    document = DOCUMENT

    async def serve(self, service: ServerFactory, name: str, **options: Any) -> Any:
        """
        A service at ``http://127.0.0.1:8080/name``.

        :return: its Site.
        """
        site = SockJSMultiFactory()
        site.addFactory(service, name, options)
        await serverFromString(reactor, "tcp:8080").listen(site)
        return site

    def echo(self, **options: Any) -> Any:
        """
        An echo, at the URL that most blocks name.
        """
        return self.serve(Factory.forProtocol(Echo), "echo", **options)

    def test_complete(self) -> None:
        """
        No block is left out here.
        """
        self.assertAllTested()

    async def test_hello(self) -> None:
        """
        The first program says what it gets.
        """
        await self.echo()
        self.run_("hello")
        await self.space["main"](reactor)
        self.assertEqual(self.out.getvalue(), "hello\n")

    async def test_endpoint(self) -> None:
        """
        So does the first with a protocol, and it tells how the session ended.
        """
        await self.echo()
        self.run_("endpoint")
        await self.out.until("closed: 3000 Go away!\n")
        self.assertIn("received: hello\n", self.out.getvalue())

    async def test_strings(self) -> None:
        """
        The string reaches the service, with its header and first transport.
        """
        seen: list[Any] = []

        def authorize(request: Any) -> bool:
            seen.append((request.transport, request.headers.get("authorization")))
            return True

        await self.echo(authorize=authorize)
        self.run_("endpoint")
        await self.out.until("closed")
        del seen[:]
        self.run_("strings")
        await self.ended(self.space["endpoint"])
        self.assertEqual(seen, [("websocket", ("Bearer abc",))])

    async def ended(self, endpoint: Any) -> str:
        """
        Greet over an endpoint.

        :return: what was printed until the session was over.
        """
        self.out.clear()
        protocol = await endpoint.connect(Factory.forProtocol(self.space["Greeting"]))
        await protocol.transport.whenEnded()
        return self.out.getvalue()

    async def test_errors(self) -> None:
        """
        Each end is told as the program says it.
        """

        class Closing(Protocol):
            transport: Any = None

            def connectionMade(self) -> None:
                self.transport.write(b"one")
                self.transport.loseConnection(4001, "bye")

        class Dropping(Closing):
            def connectionMade(self) -> None:
                self.transport.abortConnection()

        class Flooding(Closing):
            def connectionMade(self) -> None:
                self.transport.write(b"x" * 1_100_000)

        class Refusing(Factory):
            def buildProtocol(self, addr: Any) -> Protocol | None:
                return None

        site = await self.serve(Factory.forProtocol(Closing), "closing")
        site.addFactory(Factory.forProtocol(Dropping), "dropping")
        site.addFactory(Factory.forProtocol(Flooding), "flooding")
        site.addFactory(Refusing(), "refusing")
        self.run_("errors")
        for name, said in (
            ("closing", "one\nclosed: 4001 bye\n"),
            ("dropping", "broken: "),
            ("flooding", "broken: "),
            ("refusing", "refused: 3000 Go away!\n"),
            ("nothing", "no session: there is no info at http://"),
        ):
            self.out.clear()
            await self.space["listen"](reactor, f"http://127.0.0.1:8080/{name}")
            self.assertTrue(self.out.getvalue().startswith(said), self.out.getvalue())

    async def test_service(self) -> None:
        """
        The service subscribes, and again when the session was lost.
        """
        made: list[Any] = []
        kind = type("Kind", (Received,), {"heard": [], "made": made})
        await self.serve(Factory.forProtocol(kind), "feed")
        with patch("random.uniform", lambda low, high: -0.99):
            self.run_("endpoint", "service")
            self.addCleanup(self.space["service"].stopService)
            for count in (1, 2):
                while len(kind.heard) < 2 * count:
                    await deferLater(reactor, 0.01)
                if count == 1:
                    made[0].transport.abortConnection()
        self.assertEqual(kind.heard, ["subscribe news", "subscribe weather"] * 2)
        made[1].transport.write(b"rain")
        await self.out.until("rain\n")

    async def test_cookies(self) -> None:
        """
        Headers and cookies arrive.
        """
        seen: list[Any] = []

        def authorize(request: Any) -> bool:
            seen.append((request.cookies, request.headers))
            return True

        await self.echo(authorize=authorize)
        self.run_("endpoint", "cookies")
        await self.out.until("closed")
        del seen[:]
        await self.ended(self.space["endpoint"])
        [(cookies, headers)] = seen
        self.assertEqual(cookies["session"], "1234")
        self.assertEqual(headers["authorization"], ("Bearer abc",))
        self.assertEqual(headers["origin"], ("https://example.com",))

    async def test_tls(self) -> None:
        """
        The server is trusted that the authority vouches for, and sees our certificate.
        """
        authority, own = makeCertificate(), makeCertificate()
        self.write("authority.pem", authority.dumpPEM().decode())
        self.write(
            "client.pem", (own.dumpPEM() + b"\n" + own.privateKey.dump(1)).decode()
        )
        seen: list[Any] = []

        class Seeing(Echo):
            def connectionMade(self) -> None:
                seen.append(self.transport.getPeerCertificate())

        options = authority.options(own)
        site = SockJSMultiFactory()
        site.addFactory(Factory.forProtocol(Seeing), "echo")
        port = await SSL4ServerEndpoint(reactor, 0, options).listen(site)
        self.addCleanup(port.stopListening)
        await self.echo()
        self.run_("endpoint")
        await self.out.until("closed")
        self._ports[8443] = port
        self.run_("tls")
        self.assertIn("received: hello\n", await self.ended(self.space["endpoint"]))
        self.assertEqual(
            ssl.Certificate(seen[0]).digest("sha256"), own.digest("sha256")
        )

    async def test_multiplex(self) -> None:
        """
        The topic is opened on the session, and its end is told.
        """
        made: list[Any] = []
        kind = type("Kind", (Received,), {"heard": [], "made": made})
        multiplex = MultiplexFactory()
        multiplex.addFactory("news", Factory.forProtocol(kind))
        site = await self.serve(multiplex, "multiplex")
        site.addFactory(Factory.forProtocol(Echo), "echo")
        self.run_("endpoint", "multiplex")
        connection = await self.space["connecting"]
        while not made:
            await deferLater(reactor, 0.01)
        made[0].transport.write(b"rain")
        await self.out.until("news: rain\n")
        made[0].transport.loseConnection(4001, "enough")
        await self.out.until("no more news: 4001 'enough'\n")
        transport = connection.transport
        transport.loseConnection()
        await transport.whenEnded()

    async def test_testing(self) -> None:
        """
        The test passes.
        """
        await self.echo()
        self.run_("endpoint", "testing")
        await self.out.until("closed")
        result = TestResult()
        TestLoader().loadTestsFromTestCase(self.space["GreetingTests"]).run(result)
        self.assertEqual((result.testsRun, result.failures, result.errors), (1, [], []))

    async def test_client(self) -> None:
        """
        The whole program has a test with the other examples; here it is defined.
        """
        self.run_("client")
        self.assertTrue(callable(self.space["main"]))

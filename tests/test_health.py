"""Tests for `txsockjs.health`, and ``twistd sockjs --health``."""

from __future__ import annotations

from typing import Any

from treq.testing import StubTreq
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from tests.test_tap import ECHO, TapTestCase
from txsockjs import SockJSMultiFactory
from txsockjs.health import HealthResource, healthSite
from txsockjs.tap import makeParent
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite


class HealthTests(SynchronousTestCase):
    """
    `HealthResource`.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.site = SockJSMultiFactory(clock=self.reactor)
        for name in "chat", "b\u00fcro":
            self.site.addFactory(Factory.forProtocol(Echo), name)
        services = self.site.services.values()
        self.site.resource.putChild(b"health", HealthResource(services))
        self.client = MemoryClient(MemorySite(self.site))

    def ask(self, query: str = "", method: str = "GET") -> tuple[int, str]:
        """
        Status and body.
        """
        answer = self.client.request(method, f"/health{query}")
        return answer.status, answer.body.decode("utf-8")

    def test_running(self) -> None:
        """
        While services take sessions, that is 200, and each has a line.
        """
        self.assertEqual(self.ask(), (200, "chat: running\nb\u00fcro: running\n"))
        answer = self.client.request("GET", "/health")
        self.assertEqual(answer.headers.getRawHeaders("Cache-Control"), ["no-store"])

    def test_draining(self) -> None:
        """
        From the moment that all of them stop it is 503, while there are sessions still.
        """
        self.client.request("POST", "/chat/0/s/xhr")
        self.site.closeSessions()
        self.assertEqual(self.ask(), (503, "chat: draining\nb\u00fcro: draining\n"))
        self.site.services["chat"].stop()
        self.assertEqual(self.ask(), (503, "chat: stopped\nb\u00fcro: draining\n"))

    def test_one(self) -> None:
        """
        Where one of several stops, the process goes on; who asks for one is told of
        that one.
        """
        self.site.services["chat"].closeSessions()
        self.assertEqual(self.ask()[0], 200)
        self.assertEqual(self.ask("?service=chat"), (503, "chat: draining\n"))
        answer = self.ask("?service=b%C3%BCro")
        self.assertEqual(answer, (200, "b\u00fcro: running\n"))
        self.assertEqual(self.ask("?service=tchat"), (404, ""))

    def test_new(self) -> None:
        """
        A service that nobody has asked for yet takes sessions.
        """
        site = SockJSMultiFactory(clock=self.reactor)
        site.addFactory(Factory.forProtocol(Echo), "chat")
        client = MemoryClient(
            MemorySite(healthSite(site.services.values(), self.reactor))
        )
        answer = client.request("GET", "/health")
        self.assertEqual((answer.status, answer.body), (200, b"chat: new\n"))

    def test_methods(self) -> None:
        """
        HEAD has the status alone, and there is nothing to post.
        """
        self.assertEqual(self.ask(method="HEAD"), (200, ""))
        self.assertEqual(self.ask(method="POST")[0], 405)

    def test_none(self) -> None:
        """
        Without a service, nothing takes sessions.
        """
        client = MemoryClient(MemorySite(healthSite([], self.reactor)))
        self.assertEqual(client.request("GET", "/health").status, 503)


class CommandTests(TapTestCase):
    """
    ``--health``.
    """

    def test_path(self) -> None:
        """
        A path is beside the services, and what else there is.
        """
        options = self.parse("--service", ECHO, "--health", "/up", "--health=/echoes/x")
        self.assertEqual(self.get(options, "/up"), (200, b"echo: new\n"))
        self.assertEqual(self.get(options, "/echoes/x"), (200, b"echo: new\n"))
        self.assertEqual(self.get(options, "/echo"), (200, b"Welcome to SockJS!\n"))
        self.assertEqual(self.get(options, "/up/x")[0], 404)

    def test_demo(self) -> None:
        """
        So it is beside the demo.
        """
        options = self.parse("--health", "/health")
        self.assertEqual(self.get(options, "/health")[0], 200)
        self.assertIn(b"<title>", self.get(options, "/")[1])

    def test_endpoint(self) -> None:
        """
        An endpoint has it at ``/health``, as long as there are sessions.
        """
        service = self.start("--service", ECHO, "--health", "tcp:9102")
        [site] = [s for port, s, *_ in self.reactor.tcpServers if port == 9102]
        self.assertEqual(self.health(site), (200, b"echo: new\n"))
        service.site.closeSessions()
        self.assertEqual(self.health(site), (503, b"echo: draining\n"))

    def health(self, site: Any) -> tuple[int, bytes]:
        treq = StubTreq(site.resource)
        response = self.successResultOf(treq.get("http://tap.test/health"))
        return response.code, self.successResultOf(response.content())

    def test_workers(self) -> None:
        """
        With workers, it is one of the places that they listen at.
        """
        options = self.parse("--workers=2", "--service", ECHO, "--health", "tcp:9102")
        parent = makeParent(options, 2)
        self.assertIn(("Health", "health", "tcp:9102"), parent._places)

    def test_taken(self) -> None:
        """
        A path of a service cannot be had, and neither can what is no endpoint.
        """
        for wrong, words in {
            "/echo": "--health /echo: this is a path of service echo",
            "/echo/up": "--health /echo/up: ",
            "health": "--health health: ",
            "9102": "try tcp:9102",
        }.items():
            error = self.assertRaises(
                UsageError, self.parse, "--service", ECHO, "--health", wrong
            )
            self.assertIn(words, str(error))

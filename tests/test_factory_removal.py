"""Tests for `txsockjs.factory`: a service of a Site that is removed."""

from __future__ import annotations

from tests.test_factory import WELCOME, CountingFactory, FactoryTestCase
from txsockjs.errors import PrefixError
from txsockjs.factory import SockJSMultiFactory
from txsockjs.testing import MemoryClient


class RemovalTests(FactoryTestCase):
    """
    `SockJSMultiFactory.removeFactory`.
    """

    def sites(self, **options: object) -> tuple[SockJSMultiFactory, MemoryClient]:
        """
        A Site that is listening, with services at ``a/chat`` and ``other``.
        """
        site = SockJSMultiFactory(clock=self.reactor)
        site.addFactory(self.factory, "a/chat", {"max_message_size": 10, **options})
        site.addFactory(CountingFactory(), "other")
        return site, self.listen(site)

    def test_removed(self) -> None:
        """
        Its sessions are closed with 3000, new ones refused meanwhile; then the factory
        is stopped and the path is nothing. The other service goes on.
        """
        site, client = self.sites()
        session = client.session("xhr_streaming", "/a/chat")
        other = client.session(prefix="/other")
        removed = site.removeFactory("/a/chat/")
        self.assertEqual(self.factory.calls, ["start"])
        self.assertEqual(client.request("GET", "/a/chat").status, 503)
        self.assertNoResult(removed)
        self.site.advance(1)
        self.assertIsNone(self.successResultOf(removed))
        self.assertEqual(session.closed, (3000, "Go away!"))
        self.assertEqual(self.factory.calls, ["start", "stop"])
        for path in ("/a/chat", "/a/chat/000/s/xhr", "/a", "/a/chat/websocket"):
            self.assertEqual(client.request("POST", path).status, 404, path)
        self.assertEqual(list(site.services), ["other"])
        self.assertEqual(site.bodyLimit(b"/a/chat/x"), 1024 * 1024)
        self.assertEqual(site.smallBody, 1024 * 1024)
        self.assertIsNone(other.closed)
        self.assertEqual(client.request("GET", "/other").body, WELCOME)

    def test_code(self) -> None:
        """
        The code may be another one, if it can be sent.
        """
        site, client = self.sites()
        session = client.session(prefix="/a/chat")
        self.assertRaises(ValueError, site.removeFactory, "a/chat", 1006)
        self.assertEqual(client.request("GET", "/a/chat").body, WELCOME)
        site.removeFactory("a/chat", 1012, "Moved")
        self.site.advance(1)
        self.assertEqual(session.closed, (1012, "Moved"))

    def test_polled(self) -> None:
        """
        What was written before reaches a client that polls, and then its close frame.
        """
        site, client = self.sites()
        self.open(client, "/a/chat")
        client.request("POST", "/a/chat/000/s/xhr_send", body=b'["hi"]')
        removed = site.removeFactory("a/chat")
        poll = client.request("POST", "/a/chat/000/s/xhr")
        self.assertEqual(poll.body, b'a["hi"]\n')
        poll = client.request("POST", "/a/chat/000/s/xhr")
        self.assertEqual(poll.body, b'c[3000,"Go away!"]\n')
        self.site.advance(1)
        self.successResultOf(removed)

    def test_slowest(self) -> None:
        """
        Who never comes is waited for no longer than ``drain_timeout``.
        """
        site, client = self.sites(timeout=100)
        self.open(client, "/a/chat")
        removed = site.removeFactory("a/chat")
        self.site.advance(9)
        self.assertNoResult(removed)
        self.site.advance(2)
        self.successResultOf(removed)

    def test_again(self) -> None:
        """
        When it is gone, another one can be there, or above; not before.
        """
        site, client = self.sites()
        self.open(client, "/a/chat")
        site.removeFactory("a/chat")
        error = self.assertRaises(PrefixError, site.addFactory, self.factory, "a/chat")
        self.assertIn("taken", str(error))
        self.site.advance(11)
        site.addFactory(self.factory, "a")
        self.assertEqual(client.request("GET", "/a").body, WELCOME)
        self.assertEqual(self.factory.calls, ["start", "stop", "start"])

    def test_twice(self) -> None:
        """
        Whoever asks for it while it goes is told when it is gone; and later that there
        is none.
        """
        site, client = self.sites()
        client.session(prefix="/a/chat")
        both = [site.removeFactory("a/chat"), site.removeFactory("a/chat")]
        self.site.advance(1)
        for removed in both:
            self.successResultOf(removed)
        self.assertEqual(self.factory.calls, ["start", "stop"])
        self.assertRaises(PrefixError, site.removeFactory, "a/chat")

    def test_stopMeanwhile(self) -> None:
        """
        A Site that stops while a service goes drops what is left of that, and its
        factory is stopped once.
        """
        site, client = self.sites()
        self.open(client, "/a/chat")
        removed = site.removeFactory("a/chat")
        self.site.stop()
        self.successResultOf(removed)
        self.assertEqual(self.factory.calls, ["start", "stop"])

    def test_notListening(self) -> None:
        """
        A service that was never started goes at once.
        """
        site = SockJSMultiFactory(clock=self.reactor)
        site.addFactory(self.factory, "chat")
        self.successResultOf(site.removeFactory("chat"))
        self.assertEqual((site.services, self.factory.calls), ({}, []))

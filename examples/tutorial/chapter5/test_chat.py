"""
Tests of the chat.

    python -m twisted.trial test_chat
"""

import json
from typing import Any

from accounts import sign
from server import makeSite
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class ChatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = MemorySite(makeSite(MemoryReactor()))
        self.addCleanup(self.site.stop)

    def come(self, name: str, transport: str = "websocket") -> MemorySession:
        """Somebody who has logged in opens the page."""
        client = MemoryClient(self.site, cookies={"chat": sign(name)})
        return client.session(transport, "/chat")

    def ask(self, session: MemorySession, type: str, **fields: Any) -> None:
        session.send(json.dumps({"type": type, "room": "lobby", **fields}))

    def take(self, session: MemorySession) -> list[dict[str, Any]]:
        return [json.loads(message) for message in session.take()]

    def said(self, session: MemorySession) -> list[str]:
        """What was said to somebody since the last time."""
        return [
            each["text"] for each in self.take(session) if each["type"] == "message"
        ]

    def test_talk(self) -> None:
        """What one says all hear, over any transport, with the name of who said it."""
        ada, bob = self.come("Ada"), self.come("Bob", "xhr")
        for session in ada, bob:
            self.ask(session, "join")
        self.ask(bob, "publish", text="hello")
        self.assertEqual(self.said(ada), ["Bob: hello"])
        self.assertEqual(self.said(bob), ["Bob: hello"])

    def test_late(self) -> None:
        """Who comes late is told what was said."""
        ada = self.come("Ada")
        self.ask(ada, "join")
        self.ask(ada, "publish", text="is anybody here?")
        bob = self.come("Bob")
        self.ask(bob, "join", recent=50)
        self.assertEqual(self.said(bob), ["Ada: is anybody here?"])

    def test_away(self) -> None:
        """Who was away is told what they have missed, and nothing twice."""
        ada, bob = self.come("Ada"), self.come("Bob")
        for session in ada, bob:
            self.ask(session, "join")
        self.ask(ada, "publish", text="one")
        position = self.take(bob)[-1]["position"]
        bob.abort()
        self.ask(ada, "publish", text="two")
        bob = self.come("Bob", "xhr_streaming")
        self.ask(bob, "join", since=position)
        joined, message = self.take(bob)
        self.assertTrue(joined["recovered"])
        self.assertEqual(message["text"], "Ada: two")

    def test_present(self) -> None:
        """Who comes and goes is told to those who ask, also if nobody said goodbye."""
        ada = self.come("Ada")
        self.ask(ada, "join", presence=True)
        bob = self.come("Bob", "xhr")
        self.ask(bob, "join")
        self.ask(ada, "presence")
        told = self.take(ada)[-1]
        names = [member["info"]["name"] for member in told["members"]]
        self.assertEqual(sorted(names), ["Ada", "Bob"])
        bob.vanish()
        self.site.advance(60)
        self.assertEqual(self.take(ada)[-1]["type"], "memberLeft")

    def test_stranger(self) -> None:
        """Who has no cookie, a forged one or an old one is turned away."""
        forged = sign("Ada").replace("Ada", "Bob")
        for cookie, reason in (
            ("", "Log in first"),
            (forged, "Log in first"),
            (sign("Ada", -1), "Log in again"),
        ):
            client = MemoryClient(self.site, cookies={"chat": cookie})
            session = client.session("xhr", "/chat")
            self.assertEqual(session.closed, (4401, reason))

    def test_otherPage(self) -> None:
        """The page of another site cannot talk in the name of who looks at it."""
        client = MemoryClient(self.site, cookies={"chat": sign("Ada")})
        session = client.session("xhr", "/chat", origin="https://example.org")
        self.assertEqual(session.closed, (1006, ""))

    def test_login(self) -> None:
        """The cookie of the log-in is good for the chat."""
        client = MemoryClient(self.site)
        response = client.request("POST", "/login", body=b"name=Ad%C3%A9le")
        self.assertEqual(response.status, 302)
        session = client.session("websocket", "/chat", cookies=response.cookies)
        self.ask(session, "join")
        self.ask(session, "publish", text="hello")
        self.assertEqual(self.said(session), ["Adéle: hello"])

    def test_refused(self) -> None:
        """There are two rooms, and what is said has an end."""
        ada = self.come("Ada")
        self.ask(ada, "join", room="attic")
        self.ask(ada, "join")
        self.ask(ada, "publish", text="x" * 1001)
        codes = [each.get("code") for each in self.take(ada)]
        self.assertEqual(codes, ["forbidden", None, "forbidden"])

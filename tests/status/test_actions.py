"""Tests of `txsockjs.status.actions` and `txsockjs.status.access`."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher

from tests.status.support import TOKEN, StatusTestCase
from txsockjs.errors import OptionError
from txsockjs.status import statusSite
from txsockjs.status.access import OwnOrigin
from txsockjs.testing import MemoryClient


class ActionsTests(StatusTestCase):
    """With a token."""

    def setUp(self) -> None:
        super().setUp()
        self.serve(token=TOKEN)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def logged(self) -> list[str]:
        """What was logged of the page."""
        return [
            each["log_format"].format(**each)
            for each in self.events
            if "status page" in (each.get("log_format") or "")
        ]

    def test_close(self) -> None:
        """One session is closed, and the log says so; once."""
        first = self.users.session("websocket", "/chat")
        second = self.users.session("websocket", "/chat")
        looking = self.watch()
        self.assertTrue(looking.state["actions"])
        looking.look()
        self.seconds(0.1)
        looking.read()
        key = looking.rows[0][1]
        self.assertTrue(looking.do("close", service="chat", key=key)["done"])
        self.assertEqual(first.closed, (3000, "Closed by the operator"))
        self.assertIsNone(second.closed)
        answer = looking.do("close", service="chat", key=key)
        self.assertEqual((answer["done"], answer["number"]), (False, 7))
        [line] = self.logged()
        self.assertIn("192.0.2.7:50000 has closed session 1 of chat", line)

    def test_service(self) -> None:
        """One service drains, and the other goes on."""
        session = self.users.session("websocket", "/chat")
        other = self.users.session("websocket", "/news")
        self.assertTrue(self.watch().do("service", service="chat")["done"])
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.assertIsNone(other.closed)
        self.assertEqual(self.users.request("GET", "/chat/info").status, 503)
        self.assertEqual(self.users.request("GET", "/news/info").status, 200)
        self.assertIn("drains chat", self.logged()[0])

    def test_drain(self) -> None:
        """All services drain; the page stays, and says so."""
        session = self.users.session("websocket", "/news")
        looking = self.watch()
        answer = looking.do("drain")
        self.assertTrue(answer["done"])
        self.assertRegex(answer["text"], "^All services drain: ")
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.seconds()
        looking.read()
        lives = {each["life"] for each in looking.state["services"]}
        self.assertEqual(lives, {"draining"})
        self.assertIsNone(looking.session.closed)

    def test_wrongToken(self) -> None:
        """
        Without the token nothing is done, whatever stands in its place. The log says
        who tried, and not what; who tries often has to come again.
        """
        session = self.users.session("websocket", "/chat")
        looking = self.watch()
        wrong: tuple[object, ...] = ("", None, TOKEN[:-1], TOKEN + "0")
        for token in wrong:
            answer = looking.do("drain", token)
            self.assertEqual(
                (answer["done"], answer["text"]), (False, "That is not the token.")
            )
        self.assertIsNone(session.closed)
        looking.do("close", "\udfff☃", service="chat", key=1)
        self.assertEqual(looking.session.closed, (4001, "Too many wrong tokens"))
        self.assertIsNone(session.closed)
        self.assertNotIn(TOKEN[:-1], "".join(self.logged()))

    def test_manyWrongTokens(self) -> None:
        """
        Whoever tries tokens, again and again, does not fill the log: it has a line a
        minute, with how many there were.
        """
        for _ in range(3):
            looking = self.watch()
            for _ in range(5):
                looking.do("unlock", "wrong")
        [line] = self.logged()
        self.assertIn("last such line: 1.", line)
        self.seconds(60)
        self.watch().do("unlock", "wrong")
        [_, line] = self.logged()
        self.assertIn("last such line: 15.", line)

    def test_unlock(self) -> None:
        """The token can be tried, and that does nothing."""
        self.assertTrue(self.watch().do("unlock")["done"])
        self.assertEqual(self.logged(), [])

    def test_unknown(self) -> None:
        """What there is not is refused in words."""
        session = self.users.session("websocket", "/chat")
        looking = self.watch()
        looking.look()
        self.seconds(0.1)
        for action, what in (
            ("abort", {"service": "chat", "key": 1}),
            ("close it", {}),
            ("drain it", {}),
            ("sink", {"service": "chat"}),
            ("wash", {}),
            ("service", {"service": "gone"}),
            ("service", {"service": ["chat"]}),
            ("close", {"service": "chat", "key": 99}),
            ("close", {"service": "chat", "key": "1"}),
            ("close", {"service": "chat", "key": None}),
            ("close", {"key": 1}),
        ):
            answer = looking.do(action, **what)  # type: ignore[arg-type]
            self.assertFalse(answer["done"], (action, what))
            self.assertRegex(answer["text"], "There is no such|has ended already")
        self.assertIsNone(session.closed)

    def test_never(self) -> None:
        """No request but a message of a session does anything, by any method."""
        session = self.users.session("websocket", "/chat")
        for method in "GET", "HEAD", "POST", "PUT", "DELETE":
            for path in "/", "/drain", "/live/drain", f"/?do=drain&token={TOKEN}":
                body = b'{"do":"drain","token":"%b"}' % TOKEN.encode()
                body = body if method in ("POST", "PUT") else b""
                MemoryClient(self.page).request(method, path, body=body)
        self.assertIsNone(session.closed)
        self.assertEqual(self.logged(), [])

    def test_weak(self) -> None:
        """A token that could be found by trying is refused, and so is an odd one."""
        services = self.site.services.values()
        statusSite(services, token="x" * 100, clock=self.reactor)
        for token in "", "short", "x" * 15, "ü" * 20, "x" * 20 + "\n":
            error = self.assertRaises(ValueError, statusSite, services, token=token)
            self.assertIn("16 or more printable ASCII", str(error))


class ReadOnlyTests(StatusTestCase):
    """Without a token."""

    def test_nothing(self) -> None:
        """Nothing can be done, with any token or none."""
        session = self.users.session("websocket", "/chat")
        looking = self.watch()
        self.assertFalse(looking.state["actions"])
        for token in TOKEN, "", None:
            self.assertFalse(looking.do("drain", token)["done"])
        self.assertIsNone(session.closed)


class OriginTests(StatusTestCase):
    """Which pages may read it."""

    def status(self, origin: str | None, host: str = "127.0.0.1:9101") -> int:
        """What a page of an origin gets that begins a session with this host."""
        headers = {"Host": host, **({"Origin": origin} if origin else {})}
        client = MemoryClient(self.page)
        self.tried = getattr(self, "tried", 0) + 1
        return client.request("POST", f"/live/0/s{self.tried}/xhr", headers).status

    def test_own(self) -> None:
        """The page itself may, at an address or as localhost, and a program."""
        for host in (
            "127.0.0.1:9101",
            "[::1]:9101",
            "localhost:9101",
            "10.0.0.7",
            "a.localhost",
        ):
            self.assertEqual(self.status(f"http://{host}", host), 200, host)
        self.assertEqual(self.status(None), 200)

    def test_others(self) -> None:
        """
        No other page may: not of another port, nor of a name that somebody has made to
        lead here, nor of no origin.
        """
        for origin, host in (
            ("https://evil.example", "127.0.0.1:9101"),
            ("http://127.0.0.1:8080", "127.0.0.1:9101"),
            ("https://127.0.0.1:9101", "127.0.0.1:9101"),
            ("null", "127.0.0.1:9101"),
            ("http://evil.example:9101", "evil.example:9101"),
            ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
            ("http://localhost.evil.example", "localhost.evil.example"),
            ("http://", ""),
        ):
            self.assertEqual(self.status(origin, host), 403, origin)

    def test_named(self) -> None:
        """A name may where it was given, and only whole."""
        self.serve(origins=["https://status.example.com"])
        for origin, status in (
            ("https://status.example.com", 200),
            ("http://status.example.com", 403),
            ("https://status.example.com.evil.example", 403),
        ):
            self.assertEqual(self.status(origin, "status.example.com"), status, origin)

    def test_noRequest(self) -> None:
        """Where nobody knows what was asked for, it is not the page."""
        self.assertFalse(OwnOrigin([])("http://127.0.0.1:9101", None))

    def test_noOrigin(self) -> None:
        """What is none is told at once."""
        error = self.assertRaises(
            OptionError, statusSite, self.site.services.values(), origins=["example"]
        )
        self.assertIn("example", str(error))

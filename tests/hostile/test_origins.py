"""Origins that look like an allowed one."""

from __future__ import annotations

import re
from typing import Any

from twisted.logger import formatEvent, globalLogPublisher
from twisted.web.server import Request

from tests.support.serving import ServiceCase
from tests.support.sockets import Socket
from txsockjs.errors import OptionError
from txsockjs.options import SockJSOptions

ALLOWED = "https://example.com"

LOOKALIKES = [
    "https://ample.com",
    "https://example.co",
    "https://example.com.evil.example",
    "https://evilexample.com",
    "https://a.example.com",
    "https://example.com@evil.example",
    "https://example.com:444",
    "https://example.com:443:1",
    "http://example.com",
    "ftp://example.com",
    "//example.com",
    "example.com",
    "https://example.com/",
    "https://example.com/a",
    "https://example.com?",
    "https://example.com, https://evil.example",
    "https://ex\u00e4mple.com",
    "https://example.com.",
    "null",
    "",
    "*",
]


class OriginTests(ServiceCase):
    def statuses(self, headers: dict[str, str]) -> set[int]:
        """
        The statuses of an HTTP transport and both WebSockets.
        """
        heads = [
            Socket(self.connect(), path, headers).head
            for path in ["/websocket", "/0/w/websocket"]
        ]
        poll = self.post(f"/0/{len(self.sessions)}/xhr", b"", headers)
        return {poll.status, *(int(head[9:12]) for head in heads)}

    def test_lookalikes(self) -> None:
        """
        Origins are compared whole: scheme, host and port.
        """
        self.serve(origins=[ALLOWED])
        for origin in LOOKALIKES:
            self.assertEqual(self.statuses({"Origin": origin}), {403}, origin)
        self.assertEqual(self.sessions, [])

    def test_allowed(self) -> None:
        """
        The origin itself is let in, whatever case its scheme and host are in.
        """
        self.serve(origins=[ALLOWED])
        for origin in [ALLOWED, "HTTPS://Example.COM"]:
            self.assertEqual(self.statuses({"Origin": origin}), {200, 101})

    def test_null(self) -> None:
        """
        ``null`` is let in where it is named, and alone then.
        """
        self.serve(origins=["null"])
        self.assertEqual(self.statuses({"Origin": "null"}), {200, 101})
        self.assertEqual(self.statuses({"Origin": ALLOWED}), {403})

    def test_pattern(self) -> None:
        """
        A pattern lets in every name below its own, of its scheme and port, and no
        other.
        """
        self.serve(origins=["https://*.example.com", "http://*.example.org:8080"])
        for origin in [
            "https://a.example.com",
            "https://A.b-c.Example.com",
            "http://a.example.org:8080",
        ]:
            self.assertEqual(self.statuses({"Origin": origin}), {200, 101}, origin)
        for origin in [
            *(set(LOOKALIKES) - {"https://a.example.com"}),
            ALLOWED,
            "https://*.example.com",
            "https://.example.com",
            "https://a.example.com:8080",
            "http://a.example.com",
            "http://a.example.org",
            "https://evil.test/a.example.com",
            "https://evil.test?.example.com",
            "https://evil.test#.example.com",
            "https://evil.test@a.example.com",
            "https://a.example.com.evil.test",
        ]:
            self.assertEqual(self.statuses({"Origin": origin}), {403}, origin)

    def test_same(self) -> None:
        """
        The service's own origin has the host and the port that the request names, and
        its scheme. Behind a proxy the scheme is not known.
        """
        self.serve(origins="same")
        host = {"Host": "chat.example:8080"}
        good = "http://Chat.example:8080"
        others = ("https://chat.example:8080", "http://chat.example", "same", "null")
        self.assertEqual(self.statuses({**host, "Origin": good}), {200, 101})
        for origin in others:
            self.assertEqual(self.statuses({**host, "Origin": origin}), {403}, origin)
        for name in ("chat.example", "chat.example:80"):
            headers = {"Host": name, "Origin": "http://chat.example"}
            self.assertEqual(self.statuses(headers), {200, 101}, name)
        self.serve(origins="same", proxy_header="X-Forwarded-For")
        for origin in (good, others[0]):
            self.assertEqual(self.statuses({**host, "Origin": origin}), {200, 101})

    def test_callableWithRequest(self) -> None:
        """
        A callable that takes the request gets it, too.
        """

        def known(origin: str, request: Request) -> bool:
            return request.getHeader("X-Tenant") == origin

        self.serve(origins=known)
        for tenant, statuses in ((ALLOWED, {200, 101}), ("other", {403})):
            headers = {"Origin": ALLOWED, "X-Tenant": tenant}
            self.assertEqual(self.statuses(headers), statuses)

    def test_log(self) -> None:
        """
        The log has the origin that was refused, once a minute, in a form that is safe
        to look at.
        """
        self.serve(origins=[ALLOWED])
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for seconds in (0, 59, 1):
            self.site.advance(seconds)
            self.statuses({"Origin": "https://evil\x1b[2J.example" + "x" * 1000})
        told = [event for event in events if "origin" in event]
        self.assertEqual([event["count"] for event in told], [1, 6])
        text = formatEvent(told[1])
        self.assertIn("'https://evil\\x1b[2J.example", text)
        self.assertLess(len(text), 400)

    def test_refererLookalikes(self) -> None:
        """
        The same where there is a Referer alone. (A path is no part of its origin.)
        """
        self.serve(origins=[ALLOWED])
        for origin in LOOKALIKES:
            if re.fullmatch("https://[^/?]+", origin):
                headers = {"Referer": origin + "/"}
                self.assertEqual(self.statuses(headers), {403}, origin)

    def test_strForAList(self) -> None:
        """
        One str where a list is meant would pass for a list of letters: it is an error.
        """
        for value in [ALLOWED, "*", "example.com", ["example.com"], ["*"], [b"a"], 5]:
            self.assertRaises(OptionError, SockJSOptions, origins=value)

    def test_otherForms(self) -> None:
        """
        An origin may be written as people do, and a browser's own form of it is let in.
        """
        for written, sent in [
            ("https://example.com:443", "https://example.com"),
            ("HTTPS://Example.com", "https://example.com"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[0::1]:80", "http://[::1]"),
        ]:
            self.serve(origins=[written])
            self.assertEqual(self.statuses({"Origin": sent}), {200, 101}, written)
            self.assertEqual(self.statuses({"Origin": "https://a.example"}), {403})

    def test_emptyList(self) -> None:
        """
        No origin at all lets no page in.
        """
        self.serve(origins=[])
        self.assertEqual(self.statuses({"Origin": ALLOWED}), {403})

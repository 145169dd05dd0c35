"""Tests for `txsockjs.client.redirections`, in memory."""

from __future__ import annotations

from typing import Any

from tests.support.scripted import Asked, ScriptedTestCase
from txsockjs.client.redirections import MAX_REDIRECTIONS


def elsewhere(status: str, location: str) -> Any:
    """
    The script of a server that redirects one path.
    """

    def script(asked: Asked) -> None:
        if asked.line.endswith(" /old"):
            asked.answer(b"over there", status, f"Location: {location}")
        else:
            asked.answer(b"here")

    return script


class RedirectionTests(ScriptedTestCase):
    """
    Where `WebClient.request` lets itself be redirected to.
    """

    def test_get(self) -> None:
        """
        ``GET`` is redirected by any of the statuses, and knows where it has come to.
        """
        for code in (301, 302, 303, 307, 308):
            self.server.script = elsewhere(f"{code} Moved", "new?x=1")
            response = self.successResultOf(self.get("/old"))
            self.assertEqual(response.url, "http://sockjs.example/new?x=1")
            self.assertEqual(self.server.asked[-1].line, "GET /new?x=1")

    def test_post(self) -> None:
        """
        ``POST`` stays a ``POST`` with its body, or is not redirected.
        """
        for code in (307, 308):
            self.server.script = elsewhere(f"{code} Moved", "/new")
            self.web.request("POST", "http://sockjs.example/old", body=b"data")
            self.reactor.settle()
            asked = self.server.asked[-1]
            self.assertEqual((asked.line, asked.body), ("POST /new", b"data"))
        for code in (301, 302, 303):
            self.server.script = elsewhere(f"{code} Moved", "/new")
            asking: Any = self.web.request(
                "POST", "http://sockjs.example/old", body=b""
            )
            self.reactor.settle()
            problem = self.problem(asking)
            self.assertIn(f"{code} Moved: redirected to /new", problem)
            self.assertIn("use that URL", problem)

    def test_connection(self) -> None:
        """
        A response that redirects and has come as a whole leaves its connection to the
        next request; another one does not.
        """
        self.server.script = elsewhere("307 Moved", "/new")
        self.successResultOf(self.get("/old"))
        self.assertEqual(len(self.server.connections), 1)

        def script(asked: Asked) -> None:
            if asked.line.endswith(" /old"):
                head = b"Location: /new\r\nContent-Length: 9\r\n\r\n"
                asked.say(b"HTTP/1.1 307 Moved\r\n", head)
            else:
                asked.answer(b"here")

        self.server.script = script
        asking = self.get("/old")
        self.reactor.advance(1)
        self.successResultOf(asking)
        self.assertEqual(len(self.server.connections), 2)
        self.assertIsNotNone(self.server.connections[0].ended)

    def test_loop(self) -> None:
        """
        It is not redirected without end.
        """
        self.server.script = lambda asked: asked.answer(b"", "302 Found", "Location: /")
        self.assertIn(
            f"redirected more than {MAX_REDIRECTIONS} times", self.problem(self.get())
        )
        self.assertEqual(len(self.server.asked), MAX_REDIRECTIONS + 1)

    def test_refused(self) -> None:
        """
        It is not redirected to what is no HTTP, nor away from TLS.
        """
        for begin, location, words in (
            ("http", "ftp://sockjs.example/", "no URL"),
            ("http", "ws://sockjs.example/", "not HTTP"),
            ("http", "http://[", "no URL"),
            ("https", "http://sockjs.example/", "it has no TLS"),
        ):
            self.server.script = elsewhere("302 Found", location)
            asking: Any = self.web.request("GET", f"{begin}://sockjs.example/old")
            self.reactor.settle()
            problem = self.problem(asking)
            self.assertIn(words, problem)
            self.assertIn(location, problem)

    def test_nowhere(self) -> None:
        """
        Nor where there is no location.
        """
        self.server.script = lambda asked: asked.answer(b"", "302 Found")
        self.assertIn("no Location", self.problem(self.get()))

    def test_stranger(self) -> None:
        """
        Where another server is, the user's headers are not sent.
        """
        self.web = self.client(headers={"Authorization": "secret"})
        self.server.script = elsewhere("302 Found", "http://other.example/")
        self.successResultOf(self.get("/old"))
        first, second = self.server.asked
        self.assertEqual(first.headers["authorization"], "secret")
        self.assertNotIn("authorization", second.headers)

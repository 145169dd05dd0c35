"""What a service says of itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import ScriptedWeb
from txsockjs.client.info import Info, fetch
from txsockjs.client.place import rto
from txsockjs.client.url import SockJSURL
from txsockjs.errors import InfoFailed, RequestFailed

URL = SockJSURL("https://sockjs.example/echo")


class ParseTests(SynchronousTestCase):
    def test_values(self) -> None:
        """
        It is read; what is not there has its default.
        """
        self.assertEqual(Info.parse(b"{}"), Info(True, False, None))
        body = b'{"websocket":false,"cookie_needed":true,"base_url":"/x","entropy":1}'
        self.assertEqual(Info.parse(body), Info(False, True, "/x"))

    def test_wrong(self) -> None:
        """
        What is no info is refused, and shown in part.
        """
        for body, words in (
            (b"<html>" + b"x" * 9999, "no JSON: b'<html>xxx"),
            (b"\xff", "no JSON"),
            (b"[" * 99999, "no JSON"),
            (b"[]", "no JSON object"),
            (b'{"websocket":"no"}', "'websocket' is not true or false: 'no'"),
            (b'{"cookie_needed":0}', "'cookie_needed' is not true or false: 0"),
            (b'{"base_url":5}', "'base_url' is no URL: 5"),
        ):
            error = self.assertRaises(InfoFailed, Info.parse, body)
            self.assertIn(words, str(error))
            self.assertLess(len(str(error)), 200)

    def test_base(self) -> None:
        """
        The service may say where its sessions are: at a URL, or at a path.
        """
        for named, base in (
            (None, URL),
            ("/other", SockJSURL("https://sockjs.example/other")),
            ("https://b.example/x/", SockJSURL("https://b.example/x")),
        ):
            self.assertEqual(Info(baseURL=named).base(URL), base)

    def test_wrongBase(self) -> None:
        """
        That must be a URL, and with TLS if this one is.
        """
        for named, words in (
            ("http://sockjs.example/echo", "from https to http"),
            ("ws://sockjs.example/echo", "from https to http"),
            ("//b.example/x", "cannot be used"),
            ("echo", "cannot be used"),
            ("javascript:alert(1)", "cannot be used"),
        ):
            error = self.assertRaises(InfoFailed, Info(baseURL=named).base, URL)
            self.assertIn(words, str(error))


class FetchTests(SynchronousTestCase):
    def fetch(self, web: ScriptedWeb) -> Deferred[Any]:
        self.clock = Clock()
        return Deferred.fromCoroutine(fetch(web, URL, self.clock, 8.0))  # type: ignore[arg-type]

    def assertFailed(self, fetched: Deferred[Any], words: str) -> None:
        error = self.failureResultOf(fetched, InfoFailed).value
        self.assertEqual(
            str(error), f"there is no info at https://sockjs.example/echo/info: {words}"
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fetch(self) -> None:
        """
        It is asked for, and how long that takes is a round trip.
        """
        web = ScriptedWeb(None)
        fetched = self.fetch(web)
        self.assertEqual(web.asked, [("GET", "https://sockjs.example/echo/info")])
        self.clock.advance(0.25)
        web.responses[0].whole.callback(b"{}")
        self.assertEqual(self.successResultOf(fetched), (Info(), 0.25))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_status(self) -> None:
        """
        Any status but 200 says that it is not there.
        """
        web = ScriptedWeb(b"{}", 404)
        self.assertFailed(self.fetch(web), "the server answered 404 Status")
        self.assertTrue(web.responses[0].dropped)

    def test_broken(self) -> None:
        """
        What the HTTP side has to say is told.
        """
        web = ScriptedWeb()
        web.error = RequestFailed("sockjs.example:443: connection refused")
        self.assertFailed(self.fetch(web), "sockjs.example:443: connection refused")
        self.assertFailed(self.fetch(ScriptedWeb(b"[]")), "it is no JSON object: b'[]'")

    def test_late(self) -> None:
        """
        It has a time, after which its connection is dropped.
        """
        web = ScriptedWeb(None)
        fetched = self.fetch(web)
        self.clock.advance(7.9)
        self.assertNoResult(fetched)
        self.clock.advance(0.1)
        self.assertFailed(fetched, "it did not come within 8 s (info_timeout)")
        self.assertTrue(web.responses[0].dropped)

    def test_cancel(self) -> None:
        """
        It can be cancelled, which drops its connection.
        """
        web = ScriptedWeb(None)
        fetched = self.fetch(web)
        fetched.cancel()
        self.failureResultOf(fetched, CancelledError)
        self.assertTrue(web.responses[0].dropped)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RoundTripTests(SynchronousTestCase):
    def test_rto(self) -> None:
        """
        The time that a trip may take is that of the browser's client.
        """
        for roundTrip, seconds in (0.0, 0.3), (0.05, 0.35), (0.1, 0.4), (0.2, 0.8):
            self.assertAlmostEqual(rto(roundTrip), seconds)

"""Where a service is."""

from __future__ import annotations

import re
from typing import Any

from hyperlink import URL, DecodedURL
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.client.place import Place
from txsockjs.client.url import SockJSURL
from txsockjs.errors import InvalidURL


class ParseTests(SynchronousTestCase):
    def test_schemes(self) -> None:
        """
        A WebSocket's URL means the service at the same host and port.
        """
        for given, base in (
            ("http://a.example/echo", "http://a.example/echo"),
            ("https://a.example", "https://a.example"),
            ("ws://a.example/", "http://a.example"),
            ("wss://a.example:443/x//", "https://a.example/x"),
            ("ws://a.example:443/x", "http://a.example:443/x"),
            ("HTTP://A.Example:80/Echo/", "http://a.example/Echo"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://bücher.example/é", "http://xn--bcher-kva.example/%C3%A9"),
            ("http://a.example/a%20b", "http://a.example/a%20b"),
        ):
            self.assertEqual(SockJSURL.parse(given), SockJSURL(base), given)

    def test_secure(self) -> None:
        """
        ``https`` and ``wss`` mean TLS.
        """
        for scheme, secure in ("http", 0), ("https", 1), ("ws", 0), ("wss", 1):
            self.assertEqual(SockJSURL.parse(f"{scheme}://a").secure, bool(secure))

    def test_hyperlink(self) -> None:
        """
        It may be a URL of hyperlink's.
        """
        url = "http://a.example/x?y=z"
        for given in URL.from_text(url), DecodedURL.from_text(url):
            self.assertEqual(str(SockJSURL.parse(given)), url)

    def test_query(self) -> None:
        """
        A query goes to each URL of the service.
        """
        url = SockJSURL.parse("http://a.example/x/?t=a%2Fb&c")
        self.assertEqual(url.info, "http://a.example/x/info?t=a%2Fb&c")
        place: Any = Place("http://a.example/x/1/2", None, None, None, None, url.query)  # type: ignore[arg-type]
        self.assertEqual(place.at("xhr"), "http://a.example/x/1/2/xhr?t=a%2Fb&c")
        self.assertEqual(place.at(), "http://a.example/x/1/2?t=a%2Fb&c")

    def test_refused(self) -> None:
        """
        Anything else is refused, and the error says what would do.
        """
        given: Any
        for given, words in (
            ("a.example/echo", "http, https, ws or wss"),
            ("/echo", "http, https, ws or wss"),
            ("http:///echo", "http, https, ws or wss"),
            ("ftp://a.example/", "http, https, ws or wss"),
            ("", "http, https, ws or wss"),
            ("http://a.example:port/", "port"),
            ("http://me:secret@a.example/", "Authorization"),
            ("http://a.example/#x", "%23"),
            ("http://a.example/a b", "%20"),
            ("http://a.example/\r\nX: y", "%20"),
            (b"http://a.example/", "bytes"),
            (None, "NoneType"),
        ):
            error = self.assertRaises(InvalidURL, SockJSURL.parse, given)
            self.assertIn(words, str(error))
            self.assertNotIn("secret", str(error))


class SessionTests(SynchronousTestCase):
    def test_session(self) -> None:
        """
        A session's URL has three digits and an id that nobody can guess.
        """
        url = SockJSURL.parse("http://a.example/x")
        found = {url.session() for _ in range(100)}
        self.assertEqual(len(found), 100)
        for session in found:
            self.assertTrue(
                re.fullmatch(r"http://a\.example/x/[0-9]{3}/[0-9a-f]{32}", session)
            )

    def test_raw(self) -> None:
        """
        The raw WebSocket has its own.
        """
        self.assertEqual(SockJSURL.parse("ws://a/x").raw, "http://a/x/websocket")

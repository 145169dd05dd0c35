"""Tests for `txsockjs.origins`: origins as browsers write them, and as people do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from txsockjs.origins import canonical, originOf

# As an option has it, and as a browser sends it.
SAME = {
    "https://example.com": "https://example.com",
    " https://Example.COM ": "https://example.com",
    "https://example.com:443": "https://example.com",
    "http://example.com:0080": "http://example.com",
    "https://example.com:80": "https://example.com:80",
    "https://example.com:08443": "https://example.com:8443",
    "https://example.com.": "https://example.com.",
    "https://my_host": "https://my_host",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://BÜCHER.example:443": "https://xn--bcher-kva.example",
    "https://straße.example": "https://xn--strae-oqa.example",
    "https://bücher。example": "https://xn--bcher-kva.example",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "http://[::0001]:80": "http://[::1]",
    "http://[2001:DB8:0:0:0:0:0:1]": "http://[2001:db8::1]",
    "http://[::ffff:1.2.3.4]": "http://[::ffff:102:304]",
    "chrome-extension://Abc": "chrome-extension://abc",
    "NULL": "null",
    "Same": "same",
    "HTTPS://*.Bücher.example:443": "https://*.xn--bcher-kva.example",
    "http://*.example.com:8080": "http://*.example.com:8080",
}

# What no browser would ever send, and a part of what the error says would do.
NEVER = {
    "*": "None lets all in",
    "https://*": "'https://*.example.com' is one",
    "https://*example.com": "'https://*.example.com' is one",
    "https://a.*.example.com": "'https://*.example.com' is one",
    "https://*.*.example.com": "'https://*.example.com' is one",
    "https://*.192.0.2.1": "'https://*.example.com' is one",
    "https://*.example.com/": "'https://*.example.com' is one",
    "https://*.[::1]": "'https://*.example.com' is one",
    "*.example.com": "'https://*.example.com' is one",
    "example.com": "'https://example.com'",
    "//example.com": "'https://example.com'",
    "bücher.example": "'https://bücher.example'",
    "https://example.com/": "before the path: 'https://example.com'",
    "https://example.com:8443/a?b": "before the path: 'https://example.com:8443'",
    "https://example.com?a": "before the path: 'https://example.com'",
    "wss://example.com:8443": "'https://example.com:8443'",
    "ws://ws.example.com": "'http://ws.example.com'",
    "https://user@example.com": "scheme://host",
    "https://example.com:": "scheme://host",
    "https://example.com:port": "scheme://host",
    "https://exa mple.com": "scheme://host",
    "https://example.com\\": "scheme://host",
    "https://": "scheme://host",
    "file://": "scheme://host",
    "": "scheme",
    "https://example.com:65536": "65535",
    "https://a..b": "'a..b' is no host",
    "https://b%C3%BCcher.example": "is no host",
    "https://\u2603\u200b.example": "is no host",
    "http://127.1": "'127.1' is no host",
    "http://0x7f.0.0.1": "is no host",
    "http://1.2.3.256": "is no host",
    "http://[::1%eth0]": "is no host",
    "http://[fe80]": "is no host",
}

#: URLs of pages, as a browser sends them, each with the page's origin.
PAGES = {
    b"https://page.example": "https://page.example",
    b"https://page.example/": "https://page.example",
    b"https://page.example:8443/a/b.html": "https://page.example:8443",
    b"https://page.example/a?b=c/d&e=f?g@h": "https://page.example",
    b"https://page.example/?a=\\b": "https://page.example",
    b"https://page.example/@evil.example/": "https://page.example",
    b"http://[2001:db8::1]:80/a": "http://[2001:db8::1]:80",
    b"http://192.0.2.1/": "http://192.0.2.1",
    b"HTTPS://Page.example/": "HTTPS://Page.example",
}

#: What a browser would not send, or would read otherwise than some other reader does.
TRICKS = [
    b"https://evil.example\\@page.example/",
    b"https://evil.example\\.page.example/",
    b"https://page.example\\.evil.example/",
    b"https://page.example/\\evil.example",
    b"https:/page.example/",
    b"https:page.example/",
    b"https:///page.example/",
    b"https:/\\page.example/",
    b"https:\\\\page.example/",
    b"//page.example/",
    b"page.example",
    b"https://page.example@evil.example/",
    b"https://user:word@page.example/",
    b"https://page.example:80:@evil.example/",
    b"https://page.example:/",
    b"https://page.example:x/",
    b"https://page\t.example/",
    b" https://page.example/",
    b"https://page.example /",
    b"https://page.example/a b",
    b"https://page.example/\x7f",
    b"https://page.ex\xc3\xa4mple/",
    b"https://page.example/\xc3\xa4",
    b"https://page%2eexample/",
    b"https://[page.example]/",
    b"http://[",
    b"https://",
    b"https:///",
    b"about:blank",
    b"data:text/html,a",
    b"null",
]


class CanonicalTests(SynchronousTestCase):
    """
    `canonical`.
    """

    def test_same(self) -> None:
        """
        An origin becomes what browsers send.
        """
        for text, origin in SAME.items():
            self.assertEqual(canonical(text), origin)

    def test_never(self) -> None:
        """
        What can never match is refused, with its name and a remedy.
        """
        for text, remedy in NEVER.items():
            error = self.assertRaises(ValueError, canonical, text)
            self.assertIn(repr(text), str(error))
            self.assertIn(remedy, str(error))

    @examples()
    @given(st.text() | st.text().map("https://{}".format))
    def test_stable(self, text: str) -> None:
        """
        Whatever is given, it is refused, or becomes plain ASCII that stays as it is.
        """
        try:
            origin = canonical(text)
        except ValueError:
            return
        self.assertTrue(origin.isascii() and origin.isprintable(), origin)
        self.assertEqual(canonical(origin), origin)


class PageTests(SynchronousTestCase):
    """
    `originOf`.
    """

    def test_pages(self) -> None:
        """
        The origin of a page is what its URL begins with.
        """
        for referer, origin in PAGES.items():
            self.assertEqual(originOf(referer), origin)

    def test_tricks(self) -> None:
        """
        What another reader could take for another origin has none.
        """
        for referer in TRICKS:
            self.assertEqual(originOf(referer), "null", referer)

    def test_long(self) -> None:
        """
        The time that it takes is that of reading it once.
        """
        for part in b"?", b"/", b"a.", b":1", b"@":
            referer = b"https://page.example" + part * 8000 + b"\n"
            self.assertEqual(originOf(referer), "null")

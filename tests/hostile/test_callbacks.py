"""JSONP and htmlfile callbacks that want to be more than a name. (CVE-2014-4671)"""

from __future__ import annotations

from urllib.parse import quote

from tests.support.serving import ServiceCase

#: A Flash file in letters and digits, as the attack has it, and longer.
FLASH = "CWSMIKI0hCD0Up0IZUnnnnnnnnnnnnnnnnnnnUU5nnnnnn3Snn7iiudIbEAt333swW0ss" * 4

HOSTILE = [
    "alert(1)",
    "a(b",
    "a;b",
    "a b",
    "a[0]",
    "a=b",
    "a/b",
    "a'b",
    'a"b',
    "a\\u0041",
    "abc\n",
    "\nabc",
    "abc\r\nX: y",
    "abc\x00",
    "1_</script><script>alert(1)</script>",
    "*/alert(1)/*",
    "é",
    "\uff41",
    "a" * 129,
    FLASH,
]


class CallbackTests(ServiceCase):
    def test_refused(self) -> None:
        """
        500 with fixed words, plain text, and no session is made.
        """
        self.serve()
        for transport in ["jsonp", "htmlfile"]:
            for name in HOSTILE:
                response = self.get(f"/0/s/{transport}?c={quote(name)}")
                self.assertRefused(response, 500, b'invalid "callback" parameter')
                self.assertHeaders(response, Content_Type="text/plain; charset=UTF-8")
        self.assertEqual(self.sessions, [])

    def test_longestName(self) -> None:
        """
        A name of 128 characters, which no client comes near, is the longest.
        """
        self.serve()
        name = "a" * 128
        self.assertEqual(self.get(f"/0/s/jsonp?c={name}").status, 200)

    def test_noFile(self) -> None:
        """
        No body begins with the name, and no browser guesses another type.
        """
        self.serve()
        response = self.get(f"/0/s/jsonp?c={FLASH[:100]}")
        self.assertTrue(response.body.startswith(b"/**/CWS"))
        self.assertHeaders(response, X_Content_Type_Options="nosniff")
        page = self.get(f"/0/t/htmlfile?c={FLASH[:100]}")
        self.assertTrue(page.body.startswith(b"<!doctype html>"))
        self.assertHeaders(page, X_Content_Type_Options="nosniff")

    def test_severalNames(self) -> None:
        """
        Of several the last counts, which the client has added to the page's own URL,
        and is checked.
        """
        self.serve()
        for transport in ["jsonp", "htmlfile"]:
            for query in ["c=b&c=a(", "c=b&c=", "callback=b&c=a("]:
                self.assertRefused(self.get(f"/0/s/{transport}?{query}"), 500)
        self.assertEqual(self.sessions, [])
        opened = self.get("/0/s/jsonp?c=a(&t=1&c=5&c=_jp.abc")
        self.assertEqual(opened.body, b'/**/_jp.abc("o");\r\n')
        page = self.get("/0/t/htmlfile?c=5&c=_jp.abc")
        self.assertIn(b"var c = parent._jp.abc;", page.body)

"""What is echoed into a response's headers, and bytes that would end them."""

from __future__ import annotations

from tests.support.serving import ORIGIN, ServiceCase
from tests.support.sockets import Socket

#: What ends a header, or a line of it, for somebody.
ENDS = [b"\r", b"\n", b"\0", b"\r\nX-Evil: 1", b"\nX-Evil: 1", b"\x0b", b"\x0c"]


class CookieTests(ServiceCase):
    """
    JSESSIONID comes back.
    """

    def cookie(self, sent: str) -> str | None:
        """
        What is set for a browser that sends this.
        """
        path = f"/0/{len(self.sessions)}/xhr"
        response = self.post(path, b"", {"Cookie": f"JSESSIONID={sent}"})
        return self.header(response, "Set-Cookie")

    def test_dummyInstead(self) -> None:
        """
        A value that could say more than a value is not echoed.
        """
        self.serve(cookie_needed=True)
        for value in [
            "a, b=c",
            'a"b',
            "a b",
            "a\tb",
            "a\\b",
            "é",
            "\x7f",
            "",
            "a" * 257,
            "a%0d%0aSet-Cookie: b=c, d",
        ]:
            self.assertEqual(self.cookie(value), "JSESSIONID=dummy; path=/", value)

    def test_attributes(self) -> None:
        """
        No attribute gets in: the value ends where a cookie's does.
        """
        self.serve(cookie_needed=True)
        self.assertEqual(
            self.cookie("a; Domain=evil.example; HttpOnly"), "JSESSIONID=a; path=/"
        )

    def test_percent(self) -> None:
        """
        What is percent-encoded stays so.
        """
        self.serve(cookie_needed=True)
        self.assertEqual(self.cookie("a%0D%0A"), "JSESSIONID=a%0D%0A; path=/")

    def test_webSocket(self) -> None:
        """
        The same holds for the cookie on a handshake.
        """
        self.serve(cookie_needed=True)
        for sent, value in [("a, b=c", "dummy"), ("node1", "node1")]:
            socket = Socket(self.connect(), headers={"Cookie": f"JSESSIONID={sent}"})
            self.assertIn(
                f"\r\nSet-Cookie: JSESSIONID={value}; path=/", socket.head.decode()
            )


class LineEndTests(ServiceCase):
    """
    CR, LF and NUL in header names and values.
    """

    def send(self, line: bytes, path: bytes = b"/info") -> bytes:
        """
        All that is answered to a request with this header line.
        """
        connection = self.connect()
        connection.send(
            b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\nCookie: JSESSIONID=a\r\n\r\n"
            % (path, line)
        )
        self.assertEqual(self.flushLoggedErrors(), [])
        return connection.received

    def test_values(self) -> None:
        """
        Nothing that ends a line comes out of a value that is echoed.
        """
        self.serve(cookie_needed=True)
        for name in [b"Origin", b"Access-Control-Request-Headers", b"Cookie"]:
            for end in ENDS:
                if end.startswith(b"\r\n"):
                    continue
                answer = self.send(b"%b: a%bb" % (name, end), b"/0/s/eventsource")
                head = answer.partition(b"\r\n\r\n")[0]
                for line in head.split(b"\r\n"):
                    self.assertNotRegex(line, rb"[\r\n\0]")
                    self.assertFalse(line.startswith(b"X-Evil"), answer)

    def test_names(self) -> None:
        """
        A name with such a byte in it is a bad request.
        """
        self.serve()
        for end in [b"\r", b"\n", b"\0", b" ", b"\t"]:
            answer = self.send(b"Ori%bgin: a" % end)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)

    def test_folded(self) -> None:
        """
        A value that is folded over two lines comes back on one.
        """
        self.serve()
        answer = self.send(b"Origin: http://a.example\r\n X-Evil: 1")
        self.assertNotRegex(answer, rb"\r\n\s*X-Evil")

    def test_requestLine(self) -> None:
        """
        Nothing in the request line comes back in the head of the answer.
        """
        self.serve()
        for line in [
            b"GET /info HTTP/1.1\0",
            b"GET /info HTTP/1.1\nX-Evil: 1",
            b"GET /info\rX-Evil: HTTP/1.1",
            b"GET /info HTTP/9.9",
            b"GET /info X-Evil/1.1",
            b"GET /info",
            b"GET  /info HTTP/1.1",
        ]:
            connection = self.connect()
            connection.send(line + b"\r\nHost: a\r\n\r\n")
            self.assertRegex(connection.received, rb"\A(HTTP/1\.[01] \d{3} |\Z)", line)
            self.assertNotIn(b"X-Evil", connection.received)
            self.assertEqual(self.flushLoggedErrors(), [])


class CacheTests(ServiceCase):
    def test_noMix(self) -> None:
        """
        Headers that are kept for one page are never sent to another.
        """
        self.serve(cookie_needed=True)
        for n in range(600):
            origin, cookie = f"{ORIGIN}:{n % 300}", f"node{n % 7}"
            response = self.post(
                f"/0/s{n}/xhr",
                b"",
                {"Origin": origin, "Cookie": f"JSESSIONID={cookie}"},
            )
            self.assertHeaders(
                response,
                Access_Control_Allow_Origin=origin,
                Set_Cookie=f"JSESSIONID={cookie}; path=/",
            )

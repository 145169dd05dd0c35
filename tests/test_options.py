"""Tests for `txsockjs.options`: each option's default, what it takes and refuses."""

from __future__ import annotations

import math
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.errors import OptionError
from txsockjs.options import DEFAULT_SOCKJS_URL, TRANSPORTS, Cookie, SockJSOptions


def anybody(request: object) -> None:
    """
    What the option ``authorize`` may name.
    """


ME = f"{__name__}.anybody"
A = "https://a.example"

DEFAULTS = {
    "websocket": True,
    "disabled_transports": frozenset(),
    "cookie_needed": False,
    "cookie": Cookie(b"JSESSIONID", b"; path=/"),
    "base_url": None,
    "iframe": True,
    "heartbeat": 25.0,
    "timeout": 5.0,
    "streaming_limit": 131072,
    "encoding": "cp1252",
    "sockjs_url": DEFAULT_SOCKJS_URL,
    "proxy_header": None,
    "origins": None,
    "max_message_size": 1024 * 1024,
    "max_buffer": 4 * 1024 * 1024,
    "max_sessions": None,
    "verify_ip": False,
    "compression": False,
    "compression_memory_level": 8,
    "compression_window_bits": 15,
    "fragment_size": None,
    "subprotocols": (),
    "authorize": None,
    "authorize_timeout": 10.0,
    "max_authorizing": 1000,
    "drain_timeout": 10.0,
}

SWITCH = [(True, True), (False, False), ("Yes", True), ("on", True), ("1", True)]
SWITCH += [("no", False), (" OFF ", False), ("0", False), ("true", True)]
SECONDS = [(2, 2.0), (0.5, 0.5), ("1.5", 1.5), ("1e1", 10.0)]
COUNT = [(1, 1), (10**9, 10**9), ("512", 512)]
SIZE = [
    *COUNT,
    ("64k", 65536),
    (" 1 MiB ", 2**20),
    ("2GB", 2**31),
    ("3b", 3),
]

# Values in code, each with what becomes of it.
GOOD: dict[str, list[tuple[Any, Any]]] = {
    "websocket": SWITCH,
    "disabled_transports": [
        (["xhr", "jsonp"], frozenset(("xhr", "jsonp"))),
        (("websocket",), frozenset(("websocket",))),
        ("xhr, rawwebsocket", frozenset(("xhr", "rawwebsocket"))),
        ("", frozenset()),
        (TRANSPORTS, frozenset(TRANSPORTS)),
    ],
    "cookie_needed": SWITCH,
    "cookie": [
        ("node", Cookie(b"node", b"")),
        (
            "S; Path=/chat ;samesite=None; Secure; HttpOnly",
            Cookie(b"S", b"; Path=/chat; samesite=None; Secure; HttpOnly"),
        ),
        (anybody, anybody),
    ],
    "base_url": [
        ("https://a.example/chat/", "https://a.example/chat"),
        (None, None),
        ("none", None),
    ],
    "iframe": SWITCH,
    "heartbeat": [*SECONDS, (0, None), (None, None), ("0", None), ("none", None)],
    "timeout": [*SECONDS, (0.001, 0.001)],
    "streaming_limit": SIZE,
    "encoding": [("latin-1", "latin-1"), ("UTF-16", "UTF-16")],
    "sockjs_url": [("/sockjs.js", "/sockjs.js"), (b"//x/s.js", "//x/s.js")],
    "proxy_header": [
        ("X-Real-IP", b"X-Real-IP"),
        (b"Forwarded", b"Forwarded"),
        (None, None),
        ("none", None),
        ("", None),
    ],
    "origins": [
        (None, None),
        (["https://Example.com"], frozenset(("https://example.com",))),
        (("http://[::1]:8080", "null"), frozenset(("http://[::1]:8080", "null"))),
        ([], frozenset()),
        (["https://a.example:443", "https://A.example "], frozenset((A,))),
        (["https://bücher.example"], frozenset(("https://xn--bcher-kva.example",))),
        (["https://*.A.example:443"], frozenset(("https://*.a.example",))),
        ("same", frozenset(("same",))),
        (bool, bool),
        (ME, anybody),
    ],
    "max_message_size": SIZE,
    "max_buffer": SIZE,
    "max_sessions": [*COUNT, (None, None), ("none", None)],
    "verify_ip": SWITCH,
    "compression": SWITCH,
    "compression_memory_level": [(1, 1), ("9", 9)],
    "compression_window_bits": [(9, 9), ("15", 15)],
    "fragment_size": [(128, 128), ("32k", 32768), (None, None), ("none", None)],
    "subprotocols": [
        (["v12.stomp", "mqtt"], ("v12.stomp", "mqtt")),
        (("soap",), ("soap",)),
        ("v12.stomp", ("v12.stomp",)),
        ("v12.stomp, mqtt ", ("v12.stomp", "mqtt")),
        ("", ()),
        ([], ()),
        (anybody, anybody),
        (f"{__name__}:anybody", anybody),
        (f" {__name__}:anybody ", anybody),
    ],
    "authorize": [(anybody, anybody), (None, None), (ME, anybody)],
    "authorize_timeout": SECONDS,
    "max_authorizing": COUNT,
    "drain_timeout": [*SECONDS, (0, 0.0)],
}

NO_SWITCH = [None, 1, 0, "", "maybe", [], b"true"]
NO_SECONDS = [-1, math.nan, math.inf, "nan", "1e999", "soon", True, [], b"5", 10**400]
NO_SIZE = ["k", "1T", "1.5M", "1MM", "0k", "-1k", "1 M B", "1_000"]
NO_COUNT = [0, -1, 1.0, "1.5", "-1", "", True, "many", [], math.inf]

BAD: dict[str, list[Any]] = {
    "websocket": NO_SWITCH,
    "disabled_transports": ["telnet", ["xhr", "telnet"], [5], 5, b"xhr", None, "XHR"],
    "cookie_needed": NO_SWITCH,
    "cookie": [
        "",
        "a b",
        "a=b",
        "a; pfad=/",
        "a; path=/;",
        "a; path=/\r\nX: y",
        "a; SameSite=None",
        "a; SameSite=Maybe",
        "a\xe9",
        None,
        5,
        b"a",
    ],
    "base_url": ["chat", "//a.example", "wss://a.example", "https://a b", 5],
    "iframe": NO_SWITCH,
    "heartbeat": NO_SECONDS,
    "timeout": [*NO_SECONDS, 0, None],
    "streaming_limit": [*NO_COUNT, *NO_SIZE, None],
    "encoding": ["nonsense", "base64", "rot13", "", None, 5, b"utf-8", "utf\x008"],
    "sockjs_url": ["", "a\nb", "a\x00", None, 5, b"\r\n"],
    "proxy_header": ["X Real", "X:", "X\r\nY: z", "X-R\xe9al", 5, b"a b"],
    "origins": [
        "https://example.com",
        ["example.com"],
        ["https://example.com/"],
        ["https://user@example.com"],
        ["https://example.com:port"],
        ["https://example.com", 5],
        [b"https://example.com"],
        ["*"],
        ["https://*example.com"],
        ["https://*.192.0.2.1"],
        "no.such.module",
        "example.com",
        ["https://a.example", "https://a.example/chat"],
        ["wss://example.com"],
        ["https://a b"],
        "https://bücher.example",
        5,
    ],
    "max_message_size": [*NO_COUNT, *NO_SIZE, None],
    "max_buffer": [*NO_COUNT, *NO_SIZE, None],
    "max_sessions": [v for v in NO_COUNT if v != ""],
    "verify_ip": NO_SWITCH,
    "compression": NO_SWITCH,
    "compression_memory_level": [*NO_COUNT, 10, None],
    "compression_window_bits": [*NO_COUNT, 8, 16, None],
    "fragment_size": [*(v for v in NO_COUNT if v != ""), *NO_SIZE, 127, "100"],
    "subprotocols": [
        ["a b"],
        "a b",
        ["a", "a"],
        [b"mqtt"],
        b"mqtt",
        [""],
        [":"],
        "no.such:module",
        f"{__name__}:missing",
        f"{__name__}:ME",
        "a:b,c",
        ":",
        5,
        None,
    ],
    "authorize": [5, "no.such.module", f"{__name__}.missing", f"{__name__}.ME"],
    "authorize_timeout": [*NO_SECONDS, 0, None],
    "max_authorizing": [*NO_COUNT, None],
    "drain_timeout": [*NO_SECONDS, None],
}


class OptionTests(SynchronousTestCase):
    """
    `SockJSOptions`, option by option.
    """

    def test_allTested(self) -> None:
        """
        The tables of these tests know every option.
        """
        names = [field.name for field in attrs.fields(SockJSOptions)]
        for table in (DEFAULTS, GOOD, BAD):
            self.assertEqual(names, list(table))

    def test_defaults(self) -> None:
        """
        The defaults are those that are documented.
        """
        self.assertEqual(DEFAULTS, attrs.asdict(SockJSOptions(), recurse=False))

    def test_good(self) -> None:
        """
        Each option takes what it should, and becomes one type.
        """
        for name, rows in GOOD.items():
            for value, want in rows:
                got = getattr(SockJSOptions(**{name: value}), name)
                self.assertEqual((want, type(want)), (got, type(got)), (name, value))

    def test_bad(self) -> None:
        """
        Each option refuses all else, and the error names option and value and says
        what is allowed.
        """
        for name, values in BAD.items():
            for value in values:
                with self.assertRaises(OptionError, msg=(name, value)) as caught:
                    SockJSOptions(**{name: value})
                text = str(caught.exception)
                self.assertEqual(name, caught.exception.name)
                self.assertIn(repr(value), text)
                self.assertRegex(text, rf"'{name}'.* it takes \w+")

    def test_originsRemedy(self) -> None:
        """
        An origin that can never match is named among the others, with what would do.
        """
        origins = ["https://a.example", "https://b.example/chat/"]
        error = self.assertRaises(OptionError, SockJSOptions, origins=origins)
        self.assertIn("'https://b.example/chat/' can never match", str(error))
        self.assertIn("'https://b.example'", str(error))

    def test_frozen(self) -> None:
        """
        Options do not change under a running service.
        """
        self.assertRaises(AttributeError, setattr, SockJSOptions(), "timeout", 1)

    def test_keywordsOnly(self) -> None:
        """
        No option is known by its place.
        """
        self.assertRaises(TypeError, SockJSOptions, True)

    def test_fields(self) -> None:
        """
        `SockJSOptions.fields` tells each option with its default and its meaning.
        """
        fields = list(SockJSOptions.fields())
        self.assertEqual(list(DEFAULTS), [name for name, _, _ in fields])
        for name, default, help in fields:
            options = SockJSOptions(**{name: default})
            self.assertEqual(DEFAULTS[name], getattr(options, name))
            self.assertGreater(len(help), 10)


class BuildingTests(SynchronousTestCase):
    """
    `SockJSOptions.of`, ``fromDict`` and ``fromStrings``.
    """

    def test_of(self) -> None:
        """
        Options stay what they are, a dict becomes them, nothing is the defaults.
        """
        options = SockJSOptions(timeout=1)
        self.assertIs(options, SockJSOptions.of(options))
        self.assertEqual(options, SockJSOptions.of({"timeout": 1}))
        self.assertEqual(SockJSOptions(), SockJSOptions.of(None))

    def test_unknown(self) -> None:
        """
        An unknown name is an error that says it and the names that there are.
        """
        for build in (SockJSOptions.of, SockJSOptions.fromStrings):
            error = self.assertRaises(OptionError, build, {"time_out": "1"})
            self.assertEqual("time_out", error.name)
            self.assertIn("did you mean timeout? there are websocket, ", str(error))
            error = self.assertRaises(OptionError, build, {"flash": "1"})
            self.assertIn("no such option; there are websocket, ", str(error))

    def test_strings(self) -> None:
        """
        Every option can be written as a string, and means the same.
        """
        options = SockJSOptions.fromStrings(
            {
                "websocket": "false",
                "disabled_transports": "xhr,jsonp",
                "cookie_needed": "true",
                "heartbeat": "none",
                "timeout": "2.5",
                "streaming_limit": "4096",
                "encoding": "utf8",
                "sockjs_url": "/sockjs.js",
                "proxy_header": "X-Forwarded-For",
                "origins": "https://a.example, https://b.example:8443",
                "max_sessions": "10",
                "subprotocols": "v12.stomp,v11.stomp",
                "authorize": ME,
            }
        )
        want = SockJSOptions(
            websocket=False,
            disabled_transports=["xhr", "jsonp"],
            cookie_needed=True,
            heartbeat=None,
            timeout=2.5,
            streaming_limit=4096,
            encoding="utf8",
            sockjs_url="/sockjs.js",
            proxy_header="X-Forwarded-For",
            origins=["https://a.example", "https://b.example:8443"],
            max_sessions=10,
            subprotocols=["v12.stomp", "v11.stomp"],
            authorize=anybody,
        )
        self.assertEqual(want, options)

    def test_noOriginsAsAString(self) -> None:
        """
        An empty string of origins is no list of them: anybody may come.
        """
        self.assertIsNone(SockJSOptions.fromStrings({"origins": ""}).origins)

    def test_originsAsAString(self) -> None:
        """
        A dotted name is that of a callable; all else is a list.
        """
        built = SockJSOptions.fromStrings({"origins": ME})
        self.assertIs(built.origins, anybody)
        built = SockJSOptions.fromStrings({"origins": "same,https://*.a.example"})
        self.assertEqual(built.origins, {"same", "https://*.a.example"})

    def test_badStrings(self) -> None:
        """
        A bad string is the same error as a bad value.
        """
        for name, value in (("timeout", "soon"), ("websocket", "x"), ("origins", "x")):
            error = self.assertRaises(
                OptionError, SockJSOptions.fromStrings, {name: value}
            )
            self.assertEqual(name, error.name)


class OffersTests(SynchronousTestCase):
    """
    `SockJSOptions.offers` and `SockJSOptions.allowsOrigin`.
    """

    def test_all(self) -> None:
        """
        By default every transport is offered.
        """
        self.assertTrue(all(map(SockJSOptions().offers, TRANSPORTS)))

    def test_disabled(self) -> None:
        """
        A disabled transport is not, and the others are.
        """
        options = SockJSOptions(disabled_transports=["xhr", "rawwebsocket"])
        offered = set(filter(options.offers, TRANSPORTS))
        self.assertEqual(set(TRANSPORTS) - {"xhr", "rawwebsocket"}, offered)

    def test_websocket(self) -> None:
        """
        Without WebSocket there is neither the framed nor the raw one.
        """
        offered = set(filter(SockJSOptions(websocket=False).offers, TRANSPORTS))
        self.assertEqual(set(TRANSPORTS) - {"websocket", "rawwebsocket"}, offered)

    def test_anyOrigin(self) -> None:
        """
        By default any origin may come, the opaque one too.
        """
        for origin in ("https://a.example", "null", ""):
            self.assertTrue(SockJSOptions().allowsOrigin(origin))

    def test_wholeOrigin(self) -> None:
        """
        An origin is compared whole: scheme, host and port, in any case.
        """
        options = SockJSOptions(origins=["https://Example.com", "https://e.com:8443"])
        for good in (
            "https://example.com",
            "HTTPS://EXAMPLE.COM",
            "https://e.com:8443",
        ):
            self.assertTrue(options.allowsOrigin(good), good)
        for bad in (
            "https://ample.com",
            "https://example.com.evil.example",
            "https://evil-example.com",
            "http://example.com",
            "https://example.com:8443",
            "https://e.com",
            "null",
            "",
        ):
            self.assertFalse(options.allowsOrigin(bad), bad)

    def test_opaqueOrigin(self) -> None:
        """
        The opaque origin may come where it is listed.
        """
        self.assertTrue(SockJSOptions(origins=["null"]).allowsOrigin("null"))

    def test_noOrigin(self) -> None:
        """
        An empty list lets nobody in.
        """
        self.assertFalse(SockJSOptions(origins=[]).allowsOrigin("https://a.example"))

    def test_callable(self) -> None:
        """
        A callable decides by itself, and gets the origin as it came.
        """
        asked: list[str] = []

        def decide(origin: str) -> Any:
            asked.append(origin)
            return "yes" if origin.endswith(".example") else None

        options = SockJSOptions(origins=decide)
        self.assertIs(True, options.allowsOrigin("https://A.example"))
        self.assertIs(False, options.allowsOrigin("https://a.test"))
        self.assertEqual(["https://A.example", "https://a.test"], asked)

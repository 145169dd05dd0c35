"""
The stock ``sockjs-client`` in real browsers, headless, over each of its transports.

One start of a browser runs all scenarios over all transports, a page for each of them,
side by side. The first test of a class does that; each test looks at its part of what
came out.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

from twisted.internet import defer, error, reactor
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support.programs.certificates import makeCertificate
from tests.support.programs.node import need, runNode
from tests.support.programs.servers import Server
from txsockjs import SessionClosed

TRANSPORTS = (
    "jsonp-polling",
    "websocket",
    "xhr-streaming",
    "eventsource",
    "iframe-eventsource",
    "htmlfile",
    "iframe-htmlfile",
    "xhr-polling",
    "iframe-xhr-polling",
)

#: The last segments of the URLs that these use, WebSocket apart.
HTTP_TRANSPORTS = (
    "info",
    "xhr",
    "xhr_streaming",
    "xhr_send",
    "eventsource",
    "htmlfile",
    "jsonp",
    "jsonp_send",
)

#: What each page does, one after the other: key, scenario, service, options.
SCENARIOS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("first cookie", "ask", "cookie_needed_echo", {"message": "hello"}),
    ("next cookie", "ask", "describe", {"message": "who am I?"}),
    ("pingPong", "pingPong", "echo", {}),
    ("burst", "burst", "echo", {}),
    ("large", "large", "amplify", {"exponent": 18}),
    ("serverCloses", "serverClose", "close", {}),
    (
        "closedAsAsked",
        "serverClose",
        "close_as_asked",
        {"message": '4007 it\'s </script> "over" \u2603'},
    ),
    ("clientCloses", "clientClose", "remember", {"code": 3001, "reason": "enough"}),
)

#: Milliseconds that a transport may take to open.
PATIENCE = 10_000

#: What a page does that leaves the choice of the transport to the client.
CHOICES = (
    ("works", "echo"),
    ("off", "disabled_websocket_echo"),
    ("blocked", "without_upgrade"),
)

#: The client cannot call back the script of a JSONP poll, which then finds no function
#: to call; and Firefox takes a refused WebSocket for an error of the page.
EXPECTED_ERROR = re.compile(
    r"TypeError: _jp\.\w+ is not a function"
    r"|can.t establish a connection to the server at \S+/without_upgrade/"
)

PROGRAMS = {"chrome": "chromium", "firefox": "firefox-esr"}


class RealBrowser:
    """What must hold in each browser, however the page and the server are reached."""

    browser: str
    #: Whether the page comes from another origin than the service.
    crossOrigin = False
    scheme = "http"
    http2 = False
    timeout = 200
    maxDiff = None

    #: What the one run of the browser gave, for all tests of the class.
    _results: dict[str, Any] | Failure | None = None
    server: Server

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports that the client has there: htmlfile is for one origin only."""
        if self.crossOrigin:
            return tuple(name for name in TRANSPORTS if name != "htmlfile")
        return TRANSPORTS

    async def setUp(self: Any) -> None:
        cls = type(self)
        if cls._results is None:
            need("node", PROGRAMS[self.browser], packages=("puppeteer-core",))
            try:
                cls._results = await self.runBrowser()
            except Exception:
                cls._results = Failure()
        if isinstance(cls._results, Failure):
            cls._results.raiseException()

    async def start(self: Any) -> Server:
        server = Server()
        if self.scheme == "https":
            context = makeCertificate().options()
            endpoint = SSL4ServerEndpoint(reactor, 0, context, interface="127.0.0.1")
        else:
            endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        if not self.http2:
            server.site.acceptableProtocols = lambda: [b"http/1.1"]
        self.addCleanup(lambda: defer.ensureDeferred(server.stop()))
        return await server.start(endpoint, self.scheme)

    def groups(self: Any, server: Server) -> Iterator[list[dict[str, Any]]]:
        """The runs of each page."""
        for transport in self.transports:
            yield [
                {
                    "key": f"{key} {transport}",
                    "scenario": scenario,
                    "options": {
                        "url": f"{server.url}/{service}",
                        "transport": transport,
                        "patience": PATIENCE,
                        **options,
                        **({"message": transport} if service == "remember" else {}),
                    },
                }
                for key, scenario, service, options in SCENARIOS
            ]
        yield [
            {
                "key": f"choice {key}",
                "scenario": "ask",
                "options": {
                    "url": f"{server.url}/{service}",
                    "message": "hello",
                    "patience": PATIENCE,
                },
            }
            for key, service in CHOICES
        ]

    async def runBrowser(self: Any) -> dict[str, Any]:
        """Run all scenarios, and wait until the server has seen the clients go."""
        server = type(self).server = await self.start()
        origin = await self.start() if self.crossOrigin else server
        # What works on a page that is isolated works on every other.
        name = "isolated" if self.crossOrigin else "page"
        page = f"{origin.url}/page/{name}.html"
        plan = {
            "browser": self.browser,
            "executable": shutil.which(PROGRAMS[self.browser]),
            "groups": [{"page": page, "runs": runs} for runs in self.groups(server)],
        }
        outcome: dict[str, Any] = {"error": []}
        for line in await runNode(reactor, "browser.js", json.dumps(plan)):
            if line["key"] == "error":
                outcome["error"].append(line["result"])
            else:
                outcome[line["key"]] = line["result"]
        with contextlib.suppress(defer.TimeoutError):
            await server.untilLost(set(self.transports))
        return outcome

    def assertOutcomes(self: Any, key: str, expected: Any) -> None:
        """Each transport gave what was expected."""
        self.assertEqual(
            {name: self._results[f"{key} {name}"] for name in self.transports},
            dict.fromkeys(self.transports, expected),
        )

    def test_pingPong(self: Any) -> None:
        """100 messages, the awkward ones first, are each echoed before the next."""
        self.assertOutcomes("pingPong", {"sent": 100, "received": 100, "wrong": []})

    def test_burst(self: Any) -> None:
        """100 messages sent at once come back whole and in order."""
        self.assertOutcomes("burst", {"sent": 100, "received": 100, "wrong": []})

    def test_large(self: Any) -> None:
        """A message of 2**18 bytes, more than one response may carry, arrives whole."""
        self.assertOutcomes("large", {"length": 2**18, "intact": True})

    def test_serverCloses(self: Any) -> None:
        """A session that the server closes at once ends with 3000 and its reason."""
        close = {"code": 3000, "reason": "Go away!", "wasClean": True, "opened": 1}
        self.assertOutcomes("serverCloses", {**close, "received": []})

    def test_closedAsAsked(self: Any) -> None:
        """The client gets the last message, then the server's own code and reason."""
        reason = 'it\'s </script> "over" \u2603'
        close = {"code": 4007, "reason": reason, "wasClean": True, "opened": 1}
        self.assertOutcomes("closedAsAsked", {**close, "received": ["last words"]})

    def test_clientCloses(self: Any) -> None:
        """The client's close is told to the client; the session is lost, once."""
        close = {"code": 3001, "reason": "enough", "wasClean": True, "opened": 1}
        self.assertOutcomes("clientCloses", close)
        expected = {name: [error.ConnectionLost] for name in self.transports}
        expected["websocket"] = [SessionClosed]
        self.assertEqual(self.server.lost, expected)

    def test_cookie(self: Any) -> None:
        """The cookie that the server sets comes back with the next session."""
        cookies = {
            name: json.loads(self._results[f"next cookie {name}"]["answer"])["cookie"]
            for name in self.transports
        }
        expected = dict.fromkeys(self.transports, "dummy")
        if self.crossOrigin:
            # The client opens a cross-origin EventSource without credentials.
            expected["eventsource"] = None
        self.assertEqual(cookies, expected)

    def test_choice(self: Any) -> None:
        """WebSocket is taken first; where it is off or blocked, XHR streaming."""
        chosen = {
            key: self._results[f"choice {key}"]["transport"] for key, _ in CHOICES
        }
        self.assertEqual(
            chosen,
            {"works": "websocket", "off": "xhr-streaming", "blocked": "xhr-streaming"},
        )

    def test_noScriptErrors(self: Any) -> None:
        """No page had a script error, and no message text ran as a script."""
        errors = [e for e in self._results["error"] if not EXPECTED_ERROR.search(e)]
        self.assertEqual(errors, [])

    def test_httpVersion(self: Any) -> None:
        """HTTP transports travel on HTTP/2 where it is on, WebSocket on HTTP/1.1."""
        version = b"HTTP/2" if self.http2 else b"HTTP/1.1"
        expected = {name: {version} for name in HTTP_TRANSPORTS}
        expected["websocket"] = {b"HTTP/1.1"}
        seen = {name: self.server.versions[name] for name in expected}
        self.assertEqual(seen, expected)


class Chromium(RealBrowser):
    browser = "chrome"


class Firefox(RealBrowser):
    browser = "firefox"


class ChromiumTests(Chromium, TestCase):
    """Chromium, page and service of one origin."""


class ChromiumCrossOriginTests(Chromium, TestCase):
    """Chromium, a page from another origin, which is isolated from others."""

    crossOrigin = True


class ChromiumTLSTests(Chromium, TestCase):
    """Chromium over TLS with HTTP/1.1."""

    scheme = "https"


class ChromiumHTTP2Tests(Chromium, TestCase):
    """Chromium over TLS with HTTP/2."""

    scheme = "https"
    http2 = True


class FirefoxTests(Firefox, TestCase):
    """Firefox, page and service of one origin."""


class FirefoxCrossOriginTests(Firefox, TestCase):
    """Firefox, a page from another origin, which is isolated from others."""

    crossOrigin = True


class FirefoxTLSTests(Firefox, TestCase):
    """Firefox over TLS with HTTP/1.1."""

    scheme = "https"


class FirefoxHTTP2Tests(Firefox, TestCase):
    """Firefox over TLS with HTTP/2."""

    scheme = "https"
    http2 = True

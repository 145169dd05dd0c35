"""What ``docs/troubleshooting.rst`` says of symptoms is what happens."""

from __future__ import annotations

import inspect
import re
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT, blocks, commands, read
from tests.support.examples import ExampleTestCase, opened
from tests.support.programs.node import need
from txsockjs import OpeningRequest, SockJSProtocol
from txsockjs.command.main import SUBCOMMANDS
from txsockjs.command.parser import makeParser
from txsockjs.serving import process
from txsockjs.testing import MemoryClient, MemoryConnection, MemorySite

DOCUMENT = "docs/troubleshooting.rst"


class Deaf(SockJSProtocol):
    """
    Reads nothing more after the first message.
    """

    def messageReceived(self, message: str) -> None:
        self.transport.pauseProducing()


class Flood(SockJSProtocol):
    """
    Says more than its browser takes.
    """

    def messageReceived(self, message: str) -> None:
        for _ in range(100):
            self.transport.sendMessage("x" * 1000)


class Faulty(SockJSProtocol):
    """
    Raises.
    """

    def messageReceived(self, message: str) -> None:
        raise ValueError(message)


class SymptomTests(SynchronousTestCase):
    """
    Symptoms that can be had in memory. What is compared is in the document, too.
    """

    def setUp(self) -> None:
        self.text = re.sub(r"\s+", " ", (ROOT / DOCUMENT).read_text("utf-8"))
        self.logged: list[tuple[LogLevel, str]] = []
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def log(self, event: Any) -> None:
        if event.get("log_namespace", "").startswith("txsockjs."):
            self.logged.append((event["log_level"], formatEvent(event)))

    def serve(self, factory: Any = None, **options: Any) -> None:
        factory = factory or Factory.forProtocol(Echo)
        self.site = MemorySite.serving(factory, options)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)
        self.counters = self.site.site.services[""].counters

    def poll(self, session: str) -> MemoryConnection:
        """
        A request to receive, on a connection of its own.
        """
        connection = self.client.connect()
        connection.request("POST", f"/000/{session}/xhr")
        return connection

    def assertShown(self, *words: str) -> None:
        """
        The document has these words.
        """
        for each in words:
            self.assertIn(each, self.text)

    def assertAnswered(self, status: int, text: str, *request: Any) -> None:
        """
        A request is answered with this status, and this text, which is shown.
        """
        response = self.client.request(*request)
        self.assertEqual((response.status, response.body), (status, text.encode()))
        self.assertShown(text)

    def test_interrupted(self) -> None:
        """
        1002: who comes back after ``timeout``, and no later than in 300 seconds.
        """
        self.serve()
        self.poll("a")
        self.site.advance(11)
        self.assertEqual(self.counters.closed["xhr", 1006], 1)
        self.site.advance(280)
        frame = 'c[1002,"Connection interrupted"]\n'
        self.assertEqual(self.client.request("POST", "/000/a/xhr").body, frame.encode())
        self.assertShown("1002, Connection interrupted")
        self.site.advance(310)
        self.assertEqual(self.client.request("POST", "/000/a/xhr").body, b"o\n")

    def test_another(self) -> None:
        """
        2010: a second request to receive; the first one goes on.
        """
        self.serve()
        self.poll("a")
        first = self.client.connect()
        waiting = first.request("POST", "/000/a/xhr")
        second = self.poll("a").response
        assert second is not None
        self.assertEqual(second.body, b'c[2010,"Another connection still open"]\n')
        self.assertShown("2010, Another connection still open")
        self.client.request("POST", "/000/a/xhr_send", {}, b'["x"]')
        self.site.settle()
        self.assertEqual(waiting.body, b'a["x"]\n')

    def test_framing(self) -> None:
        """
        3000: plain text on a framed WebSocket; it is no fault on the raw one.
        """
        self.serve()
        framed = self.client.websocket("/000/abc/websocket")
        framed.send("hello")
        self.assertEqual(framed.ended, (3000, "Broken framing."))
        level, said = self.logged[-1]
        self.assertEqual(level, LogLevel.debug)
        self.assertRegex(said, "^Closing a websocket connection of .* with 3000: 'Br")
        raw = self.client.websocket("/websocket")
        raw.send("hello")
        self.assertEqual(raw.messages, ["hello"])

    def test_application(self) -> None:
        """
        1009, 1011, 1012, 1013: what each is, and what is logged.
        """
        self.serve(max_message_size="1k")
        large = self.client.websocket("/000/a/websocket")
        large.send("x" * 2000)
        assert large.ended is not None
        self.assertEqual(large.ended[0], 1009)
        session = self.client.session()
        self.site.site.closeSessions()
        self.site.settle()
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.serve(Faulty)
        session = self.client.session()
        session.send("x")
        self.assertEqual(session.closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.serve(Flood, max_buffer="10k")
        self.poll("b")
        self.client.request("POST", "/000/b/xhr_send", {}, b'["x"]')
        self.site.advance(1)
        self.assertEqual(self.counters.closed["xhr", 1013], 1)
        self.assertRegex(self.logged[-1][1], "^Closing a xhr session that holds")

        def authorize(request: OpeningRequest) -> Deferred[None]:
            return Deferred()

        self.serve(authorize=authorize, authorize_timeout=5)
        session = self.client.session()
        self.site.advance(5)
        self.assertEqual(session.closed, (1013, "Authorization timed out"))
        self.assertShown("Too many undelivered messages", "Authorization timed out")

    def test_origin(self) -> None:
        """
        403: the answer, the log, and the count; and behind a proxy, ``same``.
        """
        self.serve(origins=["https://example.com"])
        other = {"Origin": "https://www.example.com"}
        refused = "This origin may not use this service."
        for method, path in ("GET", "/info"), ("POST", "/000/a/xhr"):
            self.assertAnswered(403, refused, method, path, other)
        [(level, said)] = [each for each in self.logged if "origin" in each[1]]
        self.assertEqual(level, LogLevel.info)
        self.assertShown(said.partition(" refused")[0] + " refused")
        self.assertEqual(self.counters.refused["OriginRefused"], 2)
        tls = {"Origin": "https://example.com", "Host": "example.com"}
        self.serve(origins=["same"])
        self.assertEqual(self.client.request("GET", "/info", tls).status, 403)

    def test_cors(self) -> None:
        """
        Who may use the service is told so, once.
        """
        self.serve()
        headers = {"Origin": "https://example.com"}
        response = self.client.request("GET", "/info", headers)
        for name, value in (("Origin", "https://example.com"), ("Credentials", "true")):
            name = f"Access-Control-Allow-{name}"
            self.assertEqual(response.headers.getRawHeaders(name), [value])
            self.assertShown(name)

    def test_unknown(self) -> None:
        """
        404: a message for no session, and a URL of no service; where there is one it
        says so.
        """
        self.serve()
        send = ("POST", "/000/a/xhr_send", {}, b'["x"]')
        self.assertAnswered(404, "No such session.", *send)
        self.assertEqual(self.client.request("GET", "/nothing").status, 404)
        welcome = self.client.request("GET", "/").body.decode()
        self.assertShown(welcome.strip())

    def test_large(self) -> None:
        """
        413: the session goes on.
        """
        self.serve(max_message_size="1k")
        self.poll("a")
        body = b'["' + b"x" * 2000 + b'"]'
        text = "The message is larger than this service accepts."
        self.assertAnswered(413, text, "POST", "/000/a/xhr_send", {}, body)
        self.assertEqual(self.counters.refused["MessageTooBig"], 1)
        sent = self.client.request("POST", "/000/a/xhr_send", {}, b'["x"]')
        self.assertEqual(sent.status, 204)

    def test_full(self) -> None:
        """
        503, in its three forms.
        """
        self.serve(Deaf, max_sessions=1, max_buffer="1k")
        self.poll("a")
        full = "The service has as many sessions as it may."
        self.assertAnswered(503, full, "POST", "/000/b/xhr")
        self.client.request("POST", "/000/a/xhr_send", {}, b'["x"]')
        body = b'["' + b"x" * 1000 + b'"]'
        # The answer to what is held waits until it is read.
        self.client.connect().request("POST", "/000/a/xhr_send", {}, body)
        unread = "The session holds as many unread messages as it may."
        self.assertAnswered(503, unread, "POST", "/000/a/xhr_send", {}, body)
        self.site.site.closeSessions()
        stopping = "The service is stopping."
        self.assertAnswered(503, stopping, "POST", "/000/b/xhr")
        for cause in "ServiceFull", "NotReading", "ServiceStopping":
            self.assertEqual(self.counters.refused[cause], 1)
            self.assertShown(cause)

    def test_upgrade(self) -> None:
        """
        400: a WebSocket's URL without the upgrade.
        """
        self.serve()
        text = 'Can "Upgrade" only to "WebSocket".'
        self.assertAnswered(400, text, "GET", "/000/a/websocket")

    def test_duration(self) -> None:
        """
        The log has how long a session has lived, and with what it ended.
        """
        self.serve(heartbeat=0)
        self.site.site.services[""].service.logsSessions = True
        session = self.client.session()
        self.site.advance(60)
        session.abort()
        said = self.logged[-1][1].rstrip(".")
        [shown] = re.findall(r"``(has ended after 60.*?)`` in the log", self.text)
        self.assertTrue(said.endswith(shown), said)

    def test_silent(self) -> None:
        """
        A session that nobody asks for ``timeout`` seconds is lost; over HTTP alone.
        """
        self.serve()
        self.poll("a")
        socket = self.client.session("websocket")
        self.site.advance(6)
        self.assertEqual(self.counters.closed["xhr", 1006], 1)
        self.assertIsNone(socket.closed)

    def test_embedded(self) -> None:
        """
        A page that is isolated may use what is loaded as a script or in a frame.
        """
        self.serve()
        for path in "/iframe.html", "/000/a/jsonp?c=x":
            response = self.client.request("GET", path)
            policy = "Cross-Origin-Resource-Policy"
            self.assertEqual(response.headers.getRawHeaders(policy), ["cross-origin"])

    def test_words(self) -> None:
        """
        What others say is quoted as they say it: the stock client, Twisted, twistd.
        """
        need(packages=("sockjs-client",))
        client = ROOT / "tests/node_modules/sockjs-client/lib/main.js"
        for code, reason in (
            (1002, "Cannot connect to server"),
            (2000, "All transports failed"),
            (1006, "Server lost session"),
        ):
            self.assertIn(f"_close({code}, '{reason}'", client.read_text())
            self.assertShown(reason)
        self.assertIn("EMFILE encountered", inspect.getsource(tcp))
        self.assertShown("EMFILE encountered")
        self.assertIn("process {pid} is running", inspect.getsource(process))


class DocumentTests(ExampleTestCase):
    """
    The document's own lines.
    """

    document = DOCUMENT

    async def test_twistd(self) -> None:
        """
        The command line serves, and so that the log has each session.
        """
        [chat] = (b for b in blocks("README.rst", "python") if b.name == "chat")
        self.module(chat, "myapp/chat.py")
        [line] = commands(DOCUMENT, "twistd")
        self.assertEqual(line[-2:], ["--log-level", "txsockjs=debug"])
        self.twistd(line)
        await opened(self.url(8080, "chat"))

    def test_txsockjs(self) -> None:
        """
        The commands of ``txsockjs`` are understood.
        """
        text = re.sub(r"\n {4}(?! )", " ", (ROOT / DOCUMENT).read_text("utf-8"))
        found = re.findall(r"(?m)(?: \$ |``)txsockjs (\w+ -.*?)(?:``|$)", text)
        self.assertEqual(len(found), 3)
        for line in found:
            words = line.split()
            if not words[-1].startswith("http"):
                words.append("http://127.0.0.1:8080/chat")
            makeParser(SUBCOMMANDS).parse_args(words)

    def test_form(self) -> None:
        """
        Each symptom has what it means, how to see it, and what to do.
        """
        text = (ROOT / DOCUMENT).read_text("utf-8")
        symptoms = len(re.findall(r"(?m)^~~~+$", text))
        for field in "What it means", "How to see it", "What to do":
            self.assertEqual(len(re.findall(f"(?m)^:{field}: ", text)), symptoms)
        read(DOCUMENT)

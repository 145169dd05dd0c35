"""The configuration files of ``examples/deploy``, with real proxies and clients."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from treq.client import HTTPClient
from twisted.internet import defer, protocol, reactor
from twisted.internet.endpoints import serverFromString
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from tests.support.programs.node import need, runNode
from tests.support.programs.proxies import (
    startApache,
    startCaddy,
    startHAProxy,
    startNginx,
)
from tests.support.programs.servers import Server

INTACT = {"sent": 100, "received": 100, "wrong": []}


class Stream(protocol.Protocol):
    """Collects the body of a response as it comes."""

    def __init__(self) -> None:
        self.body = b""
        self.ended = False
        self._waiting: tuple[bytes, defer.Deferred[None]] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.body += data
        if self._waiting is not None and self._waiting[0] in self.body:
            waiting, self._waiting = self._waiting[1], None
            waiting.callback(None)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.ended = True

    def close(self) -> None:
        """Break off the response."""
        self.transport.loseConnection()

    async def until(self, text: bytes) -> None:
        """Wait until the text has arrived, for 10 seconds at most."""
        if text not in self.body:
            waiting: defer.Deferred[None] = defer.Deferred()
            self._waiting = (text, waiting)
            await waiting.addTimeout(10, reactor)


class Behind:
    """What must hold behind each proxy; a subclass starts one, before two servers."""

    program: str
    #: Starts the proxy before servers on some ports, and gives the port of its own.
    startProxy: Callable[[Any, Sequence[int]], Awaitable[int]]
    #: The endpoint and the options with which the servers learn the client's address.
    endpoint: str
    options: dict[str, Any] = {}
    timeout = 60
    maxDiff = None
    servers: list[Server]
    url: str

    async def setUp(self: Any) -> None:
        need("node", self.program, packages=("sockjs-client",))
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.http = HTTPClient(Agent(reactor, pool=pool))
        self.servers = []
        for _ in range(2):
            endpoint = serverFromString(reactor, self.endpoint)
            server = await Server(**self.options).start(endpoint)
            self.addCleanup(lambda server=server: defer.ensureDeferred(server.stop()))
            self.servers.append(server)
        ports = [server.port.getHost().port for server in self.servers]
        self.url = f"http://127.0.0.1:{await self.startProxy(ports)}"

    async def client(
        self: Any, service: str, transport: str, scenario: str, **options: Any
    ) -> Any:
        """The result of one scenario of the stock client, through the proxy."""
        url = f"{self.url}/{service}"
        options["patience"] = 10_000
        [result] = await runNode(
            reactor, "client.js", url, transport, scenario, json.dumps(options)
        )
        return result

    async def open(self: Any, method: str, path: str) -> Stream:
        """Start a request, and give its response while it comes."""
        response = await self.http.request(method, self.url + path)
        self.assertEqual(response.code, 200)
        stream = Stream()
        response.original.deliverBody(stream)
        self.addCleanup(stream.close)
        return stream

    async def poll(self: Any, path: str, **options: Any) -> bytes:
        """The whole body of a response to a POST."""
        response = await self.http.post(self.url + path, **options)
        body: bytes = await response.content()
        return body

    async def assertPasses(self: Any, transport: str) -> None:
        """Messages and closes get through, in both directions, whole and in order."""
        for scenario in "pingPong", "burst":
            self.assertEqual(await self.client("echo", transport, scenario), INTACT)
        large = await self.client("amplify", transport, "large", exponent=18)
        self.assertEqual(large, {"length": 2**18, "intact": True})
        message = "4007 over and out"
        close = await self.client(
            "close_as_asked", transport, "serverClose", message=message
        )
        self.assertEqual(
            (close["received"], close["code"], close["reason"]),
            (["last words"], 4007, "over and out"),
        )

    async def test_webSocket(self: Any) -> None:
        """The transport ``websocket`` passes."""
        await self.assertPasses("websocket")

    async def test_xhrStreaming(self: Any) -> None:
        """The transport ``xhr-streaming`` passes."""
        await self.assertPasses("xhr-streaming")

    async def test_xhrPolling(self: Any) -> None:
        """The transport ``xhr-polling`` passes."""
        await self.assertPasses("xhr-polling")

    async def test_eventSource(self: Any) -> None:
        """The transport ``eventsource`` passes."""
        await self.assertPasses("eventsource")

    async def test_rawWebSocket(self: Any) -> None:
        """The raw WebSocket passes."""
        self.assertEqual(await self.client("echo", "raw", "pingPong"), INTACT)

    async def test_jsonp(self: Any) -> None:
        """The transport ``jsonp`` passes."""
        session = "/echo/000/jsonp-session"
        opened = await (await self.http.get(f"{self.url}{session}/jsonp?c=cb")).text()
        self.assertEqual(opened, '/**/cb("o");\r\n')
        sent = await self.poll(f"{session}/jsonp_send", data={"d": '["hello"]'})
        self.assertEqual(sent, b"ok")
        echo = await (await self.http.get(f"{self.url}{session}/jsonp?c=cb")).text()
        self.assertEqual(echo, '/**/cb("a[\\"hello\\"]");\r\n')

    async def assertAtOnce(
        self: Any, method: str, path: str, opened: bytes, echo: bytes
    ) -> None:
        """A response that goes on brings each frame when it is written."""
        session = "/echo/000/streaming-session"
        stream = await self.open(method, session + path)
        await stream.until(opened)
        before = reactor.seconds()
        for number in range(20):
            body = b'["message %d"]' % number
            await self.poll(f"{session}/xhr_send", data=body)
            await stream.until(echo % number)
        self.assertFalse(stream.ended)
        # A proxy that holds what it hopes to send with more does so for 0.2 s each.
        self.assertLess(reactor.seconds() - before, 3)

    async def test_xhrStreamingAtOnce(self: Any) -> None:
        """Frames of ``xhr_streaming`` are not collected on the way."""
        opened, echo = b"h\no\n", b'a["message %d"]\n'
        await self.assertAtOnce("POST", "/xhr_streaming", opened, echo)

    async def test_eventSourceAtOnce(self: Any) -> None:
        """Frames of ``eventsource`` are not collected on the way."""
        opened, echo = b"data: o\r\n\r\n", b'data: a["message %d"]\r\n\r\n'
        await self.assertAtOnce("GET", "/eventsource", opened, echo)

    async def test_htmlfileAtOnce(self: Any) -> None:
        """Frames of ``htmlfile`` are not collected on the way."""
        opened, echo = b'p("o");\n</script>', b'p("a[\\"message %d\\"]");\n</script>'
        await self.assertAtOnce("GET", "/htmlfile?c=cb", opened, echo)

    async def test_peer(self: Any) -> None:
        """``getPeer`` gives the browser's address, over each transport."""
        peers = {}
        for transport in "websocket", "xhr-streaming", "xhr-polling", "eventsource":
            result = await self.client(
                "describe", transport, "ask", message="?", localAddress="127.0.0.2"
            )
            peers[transport] = json.loads(result["answer"])["peer"]
        self.assertEqual(set(peers.values()), {"127.0.0.2"}, peers)

    async def test_forgedPeer(self: Any) -> None:
        """A browser that sends the header itself cannot pass for another."""
        session, forged = "/describe/000/forger", {"X-Forwarded-For": "203.0.113.9"}
        await self.poll(f"{session}/xhr", headers=forged)
        await self.poll(f"{session}/xhr_send", data=b'["?"]', headers=forged)
        frame = await self.poll(f"{session}/xhr", headers=forged)
        [answer] = json.loads(frame[1:])
        self.assertEqual(json.loads(answer)["peer"], "127.0.0.1")

    async def test_sticky(self: Any) -> None:
        """All requests of a session reach one server; both servers get sessions."""
        for number in range(16):
            session = f"/describe/{number:03}/session-{number}"
            self.assertEqual(await self.poll(f"{session}/xhr"), b"o\n")
            self.assertEqual(await self.poll(f"{session}/xhr_send", data=b'["?"]'), b"")
            frame = await self.poll(f"{session}/xhr")
            self.assertTrue(frame.startswith(b'a["'), frame)
        counts = [server.described for server in self.servers]
        self.assertEqual(sum(counts), 16)
        self.assertTrue(all(counts), counts)


class NginxTests(Behind, TestCase):
    """nginx, which says in a header who the client is."""

    program = "nginx"
    startProxy = startNginx
    endpoint = "tcp:0:interface=127.0.0.1"
    options = {"proxy_header": "X-Forwarded-For"}


class HAProxyTests(Behind, TestCase):
    """HAProxy, which says in the PROXY protocol who the client is."""

    program = "haproxy"
    startProxy = startHAProxy
    endpoint = "haproxy:tcp:0:interface=127.0.0.1"


class CaddyTests(Behind, TestCase):
    """Caddy, which says in a header who the client is, and believes no other's."""

    program = "caddy"
    startProxy = startCaddy
    endpoint = "tcp:0:interface=127.0.0.1"
    options = {"proxy_header": "X-Forwarded-For"}


class ApacheTests(Behind, TestCase):
    """Apache httpd, which says in a header who the client is."""

    program = "apache2"
    startProxy = startApache
    endpoint = "tcp:0:interface=127.0.0.1"
    options = {"proxy_header": "X-Forwarded-For"}

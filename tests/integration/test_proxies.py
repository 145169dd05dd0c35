"""The configuration files of C{examples/deploy}, with real proxies and clients."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet import defer, protocol, reactor
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    connectProtocol,
    serverFromString,
)
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest, TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from tests.integration.node import need, runNode
from tests.integration.processes import Program, start
from tests.integration.servers import Server

DEPLOY = Path(__file__).parent.parent.parent / "examples" / "deploy"
INTACT = {"sent": 100, "received": 100, "wrong": []}

#: What the tests put around the file for nginx, which is for the http context.
NGINX_MAIN = """
pid nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    include {site};
}}
"""


def freePort() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def untilListening(program: Program, port: int) -> None:
    """Wait until a program listens on a loopback port."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    while True:
        try:
            connection = await connectProtocol(endpoint, protocol.Protocol())
        except ConnectionRefusedError:
            if program.transport.pid is None:
                raise FailTest(program.output) from None
            await deferLater(reactor, 0.02)
        else:
            connection.transport.abortConnection()
            return


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
        listen = freePort()
        self.url = f"http://127.0.0.1:{listen}"
        await self.startProxy(listen, *(s.port.getHost().port for s in self.servers))

    def shipped(self: Any, name: str, *changes: tuple[str, str]) -> str:
        """A file of C{examples/deploy}, with other ports."""
        text = (DEPLOY / name).read_text()
        for old, new in changes:
            self.assertEqual(text.count(old), 1, f"{old!r} in {name}")
            text = text.replace(old, new)
        path = Path(self.mktemp())
        path.write_text(text)
        return str(path.absolute())

    async def client(
        self: Any, service: str, transport: str, scenario: str, **options: Any
    ) -> Any:
        """The result of one scenario of the stock client, through the proxy."""
        url = f"{self.url}/{service}"
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
        """The transport C{websocket} passes."""
        await self.assertPasses("websocket")

    async def test_xhrStreaming(self: Any) -> None:
        """The transport C{xhr-streaming} passes."""
        await self.assertPasses("xhr-streaming")

    async def test_xhrPolling(self: Any) -> None:
        """The transport C{xhr-polling} passes."""
        await self.assertPasses("xhr-polling")

    async def test_eventSource(self: Any) -> None:
        """The transport C{eventsource} passes."""
        await self.assertPasses("eventsource")

    async def test_rawWebSocket(self: Any) -> None:
        """The raw WebSocket passes."""
        self.assertEqual(await self.client("echo", "raw", "pingPong"), INTACT)

    async def test_jsonp(self: Any) -> None:
        """The transport C{jsonp} passes."""
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
        """Frames of C{xhr_streaming} are not collected on the way."""
        opened, echo = b"h\no\n", b'a["message %d"]\n'
        await self.assertAtOnce("POST", "/xhr_streaming", opened, echo)

    async def test_eventSourceAtOnce(self: Any) -> None:
        """Frames of C{eventsource} are not collected on the way."""
        opened, echo = b"data: o\r\n\r\n", b'data: a["message %d"]\r\n\r\n'
        await self.assertAtOnce("GET", "/eventsource", opened, echo)

    async def test_htmlfileAtOnce(self: Any) -> None:
        """Frames of C{htmlfile} are not collected on the way."""
        opened, echo = b'p("o");\n</script>', b'p("a[\\"message %d\\"]");\n</script>'
        await self.assertAtOnce("GET", "/htmlfile?c=cb", opened, echo)

    async def test_peer(self: Any) -> None:
        """C{getPeer} gives the browser's address, over each transport."""
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
    endpoint = "tcp:0:interface=127.0.0.1"
    options = {"proxy_header": "X-Forwarded-For"}

    async def startProxy(self, listen: int, one: int, two: int) -> None:
        site = self.shipped(
            "nginx-site.conf",
            ("listen 80;", f"listen 127.0.0.1:{listen};"),
            ("server 127.0.0.1:8081;", f"server 127.0.0.1:{one};"),
            ("server 127.0.0.1:8082;", f"server 127.0.0.1:{two};"),
        )
        root = Path(self.mktemp()).absolute()
        (root / "tmp").mkdir(parents=True)
        main = root / "nginx.conf"
        main.write_text(NGINX_MAIN.format(site=site))
        await start(
            self,
            "start worker process ",
            *("nginx", "-p", str(root), "-c", str(main), "-e", "stderr"),
            *("-g", "daemon off;"),
        )


class HAProxyTests(Behind, TestCase):
    """HAProxy, which says in the PROXY protocol who the client is."""

    program = "haproxy"
    endpoint = "haproxy:tcp:0:interface=127.0.0.1"

    async def startProxy(self, listen: int, one: int, two: int) -> None:
        config = self.shipped(
            "haproxy.cfg",
            ("bind :80\n", f"bind 127.0.0.1:{listen}\n"),
            ("server one 127.0.0.1:8081", f"server one 127.0.0.1:{one}"),
            ("server two 127.0.0.1:8082", f"server two 127.0.0.1:{two}"),
        )
        # What it says last comes before it listens.
        last = "as the polling mechanism"
        program = await start(self, last, "haproxy", "-db", "-V", "-f", config)
        await untilListening(program, listen)

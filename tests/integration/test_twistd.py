"""``twistd sockjs`` as a person runs it: a process, sockets and signals."""

from __future__ import annotations

from typing import Any

import treq
from autobahn.twisted.websocket import create_client_agent
from hyperframe.frame import GoAwayFrame
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    SSL4ClientEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import (
    CertificateOptions,
    KeyPair,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.web.client import Agent
from twisted.web.iweb import IAgent, IAgentEndpointFactory
from zope.interface import implementer

from tests.support.http2 import Wire, headers
from tests.support.programs.certificates import makeCertificate
from tests.support.programs.twistd import TERMINATED, TwistdTestCase
from tests.support.waiting import Waiting

LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")
ECHO = ("--service", "echo=twisted.protocols.wire.Echo")
# What every browser asks for when it opens a WebSocket.
OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
WELCOME = b"Welcome to SockJS!\n"


async def get(url: str, agent: IAgent | None = None) -> bytes:
    """
    The body of a page that must be there.
    """
    response = await HTTPClient(agent or Agent(reactor)).get(url)
    assert response.code == 200, f"{url}: {response.code}"
    return await response.content()


async def post(url: str, body: bytes = b"") -> Any:
    """
    The response, with its body still to come.
    """
    return await treq.post(url, body, persistent=False)


class Goodbye(Waiting, Wire):
    """
    A client of HTTP/2.

    :ivar said: up to which of its requests were answered, as the server said.
    """

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.said: list[int] = []

    def connectionMade(self) -> None:
        super().connectionMade()
        self.settings({})

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.said = [
            frame.last_stream_id
            for frame in self.frames
            if isinstance(frame, GoAwayFrame)
        ]
        self._look()

    def connectionLost(self, reason: object = None) -> None:
        super().connectionLost(reason)
        self._look()


class DemoTests(TwistdTestCase):
    """
    The demo.
    """

    async def test_page(self) -> None:
        """
        In an empty directory, the page and its client are served, from here.
        """
        url = await self.start(*LISTEN).url()
        self.assertIn(b'<script src="sockjs.min.js"', await get(f"{url}/"))
        self.assertIn(b"sockjs-client v1.6.1", await get(f"{url}/sockjs.min.js"))
        self.assertIn(b"transport", await get(f"{url}/demo.js"))
        self.assertIn(b"class Echo(Protocol)", await get(f"{url}/source/echo.py"))
        self.assertIn(b'src="/sockjs.min.js"', await get(f"{url}/echo/iframe.html"))

    async def test_services(self) -> None:
        """
        Each demo service does what its name says.
        """
        url = await self.start(*LISTEN).url()
        expected = {
            "echo": b'a["hello"]\n',
            "broadcast": b'a["hello"]\n',
            "ticker": b'a["tick 1"]\n',
            "close": b'c[3000,"Go away!"]\n',
        }
        for name, frame in expected.items():
            session = f"{url}/{name}/0/a"
            self.assertEqual(await (await post(f"{session}/xhr")).content(), b"o\n")
            await post(f"{session}/xhr_send", b'["hello"]')
            self.assertEqual(await (await post(f"{session}/xhr")).content(), frame)

    async def test_quiet(self) -> None:
        """
        No request is logged, unless an access log is asked for.
        """
        twistd = self.start(*LISTEN)
        await get(f"{await twistd.url()}/echo")
        twistd.terminate()
        self.assertEqual(await twistd.ended, TERMINATED)
        self.assertNotIn("GET", twistd.output)


class ServiceTests(TwistdTestCase):
    """
    Services of one's own.
    """

    async def test_currentDirectory(self) -> None:
        """
        A service is found in the directory where the command is given.
        """
        (self.here / "myapp.py").write_text(
            "from twisted.internet.protocol import Protocol\n"
            "class Greeter(Protocol):\n"
            "    def connectionMade(self):\n"
            "        self.transport.write(b'Good day')\n"
        )
        twistd = self.start(*LISTEN, *ECHO, "--service", "greet=myapp.Greeter")
        session = f"{await twistd.url()}/greet/0/a"
        await (await post(f"{session}/xhr")).content()
        self.assertEqual(
            await (await post(f"{session}/xhr")).content(), b'a["Good day"]\n'
        )
        self.assertIn("SockJS services echo, greet at http://127.0.0.1:", twistd.output)

    async def test_static(self) -> None:
        """
        Files are served beside the services.
        """
        (self.here / "public").mkdir()
        (self.here / "public" / "index.html").write_text("my page")
        url = await self.start(*LISTEN, *ECHO, "--static", "public").url()
        self.assertEqual(await get(f"{url}/"), b"my page")
        self.assertEqual(await get(f"{url}/echo"), WELCOME)

    async def test_accessLog(self) -> None:
        """
        The access log has a line for each request.
        """
        twistd = self.start(*LISTEN, *ECHO, "--access-log", "access.log")
        await get(f"{await twistd.url()}/echo")
        twistd.terminate()
        await twistd.ended
        [line] = (self.here / "access.log").read_text().splitlines()
        self.assertIn('"GET /echo HTTP/1.1" 200', line)

    async def test_usageError(self) -> None:
        """
        A wrong service ends the command with status 1; what failed is one line, and
        another one says where to read on.
        """
        twistd = self.start(*LISTEN, "--service", "chat=myapp.chat.ChatFactory")
        self.assertEqual(await twistd.ended, 1)
        self.assertEqual(
            twistd.output.splitlines(),
            [
                "twistd sockjs: --service chat=myapp.chat.ChatFactory: there is no "
                "module 'myapp'",
                "See 'twistd sockjs --help'.",
            ],
        )

    async def test_help(self) -> None:
        """
        ``--help`` explains, and nothing is started.
        """
        twistd = self.start("--help")
        self.assertEqual(await twistd.ended, 0)
        self.assertIn("--service=", twistd.output)
        self.assertIn("heartbeat", twistd.output)


class ListenTests(TwistdTestCase):
    """
    Endpoints of all kinds.
    """

    async def connect(self, url: str, tls: Any = None) -> _Collector:
        """
        A connection that collects what comes.
        """
        port = int(url.rpartition(":")[2])
        if tls is None:
            endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        else:
            endpoint = SSL4ClientEndpoint(reactor, "127.0.0.1", port, tls)
        return await connectProtocol(endpoint, _Collector())

    async def test_several(self) -> None:
        """
        Two ports and a UNIX socket are one site.
        """
        path = str(self.here / "socket")
        twistd = self.start(*LISTEN, *LISTEN, "--listen", f"unix:{path}", *ECHO)
        ports = await twistd.until(r"(?s) at (\S+)/\n.* at (\S+)/\n.* at unix:")
        for url in ports.groups():
            self.assertEqual(await get(f"{url}/echo"), WELCOME)
        agent = Agent.usingEndpointFactory(reactor, _UNIX(path))
        self.assertEqual(await get("http://socket/echo", agent), WELCOME)

    async def test_tls(self) -> None:
        """
        An ``ssl:`` endpoint serves https.
        """
        certificate = KeyPair.generate(size=2048).selfSignedCert(1, CN="localhost")
        (self.here / "server.pem").write_bytes(certificate.dumpPEM())
        listen = "ssl:0:interface=127.0.0.1:privateKey=server.pem:certKey=server.pem"
        url = await self.start("--listen", listen, *ECHO).url()
        self.assertTrue(url.startswith("https://127.0.0.1:"), url)
        trust = trustRootFromCertificates([certificate])
        client = await self.connect(url, CertificateOptions(trustRoot=trust))
        client.transport.write(b"GET /echo HTTP/1.0\r\n\r\n")
        self.assertTrue((await client.done).endswith(WELCOME))

    async def test_haproxy(self) -> None:
        """
        A ``haproxy:`` endpoint wants the PROXY protocol first.
        """
        listen = "haproxy:tcp:0:interface=127.0.0.1"
        url = await self.start("--listen", listen, *ECHO).url()
        client = await self.connect(url)
        client.transport.write(
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET /echo HTTP/1.0\r\n\r\n"
        )
        self.assertTrue((await client.done).endswith(WELCOME))


class StopTests(TwistdTestCase):
    """
    SIGTERM: every session gets its close frame before the process ends.
    """

    async def test_http2(self) -> None:
        """
        A connection of HTTP/2 ends with which of its requests were answered.
        """
        certificate: Any = makeCertificate()
        (self.here / "server.pem").write_bytes(certificate.dumpPEM())
        listen = "ssl:0:interface=127.0.0.1:privateKey=server.pem:certKey=server.pem"
        twistd = self.start("--listen", listen, *ECHO)
        port = int((await twistd.url()).rpartition(":")[2])
        options = optionsForClientTLS(
            "127.0.0.1",
            trustRootFromCertificates([certificate]),
            acceptableProtocols=[b"h2"],
        )
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        client = await connectProtocol(wrapClientTLS(options, endpoint), Goodbye())
        client.send(headers(1, "/echo"))
        await client.until(lambda: client.answers == {1: "200"})
        twistd.terminate()
        await client.until(lambda: client.closed)
        self.assertEqual(client.said, [1])
        self.assertEqual(await twistd.ended, TERMINATED)

    async def test_streaming(self) -> None:
        """
        A streaming response ends with the close frame.
        """
        twistd = self.start(*LISTEN)
        url = await twistd.url()
        response = await post(f"{url}/echo/0/a/xhr_streaming")
        received = _Body()
        response.deliverBody(received)
        await received.opened
        twistd.terminate()
        body = await received.done
        self.assertEqual(body.splitlines()[-2:], [b"o", b'c[1012,"Service Restart"]'])
        self.assertEqual(await twistd.ended, TERMINATED)

    async def test_polling(self) -> None:
        """
        A poll that is waiting is answered with the close frame; what was written before
        comes first.
        """
        twistd = self.start(*LISTEN)
        session = f"{await twistd.url()}/echo/0/a"
        await (await post(f"{session}/xhr")).content()
        await post(f"{session}/xhr_send", b'["hello"]')
        twistd.terminate()
        frames = []
        while not frames or not frames[-1].startswith(b"c"):
            frames.append(await (await post(f"{session}/xhr")).content())
        self.assertEqual(frames, [b'a["hello"]\n', b'c[1012,"Service Restart"]\n'])
        self.assertEqual(await twistd.ended, TERMINATED)

    async def test_websocket(self) -> None:
        """
        A WebSocket, opened as browsers do, gets the close frame and is then closed in
        good order.
        """
        twistd = self.start(*LISTEN)
        url = (await twistd.url()).replace("http", "ws", 1)
        agent = create_client_agent(reactor)
        socket = await agent.open(f"{url}/echo/0/a/websocket", {"headers": OFFER})
        received: list[bytes] = []
        opened: Deferred[None] = Deferred()

        def message(data: bytes, is_binary: bool = False) -> None:
            received.append(data)
            if data == b"o":
                opened.callback(None)

        socket.on("message", message)
        await opened
        twistd.terminate()
        await socket.is_closed
        self.assertEqual(received, [b"o", b'c[1012,"Service Restart"]'])
        self.assertEqual(await twistd.ended, TERMINATED)


@implementer(IAgentEndpointFactory)
class _UNIX:
    """
    Finds every host behind one UNIX socket.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def endpointForURI(self, uri: object) -> UNIXClientEndpoint:
        return UNIXClientEndpoint(reactor, self.path)


class _Collector(Protocol):
    """
    Collects bytes until the connection is lost.
    """

    def __init__(self) -> None:
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(self.data)


class _Body(_Collector):
    """
    Collects a response, and tells when a session has opened on it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.data.endswith(b"\no\n") and not self.opened.called:
            self.opened.callback(None)

"""A bridge to real services, driven by the stock ``sockjs-client`` under Node."""

from __future__ import annotations

import hashlib
import json
import shutil
from io import BytesIO
from typing import Any

from twisted.internet import defer, protocol, reactor, ssl
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    serverFromString,
    wrapClientTLS,
)
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IListeningPort,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.mail import smtp
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.support.programs.node import need, runNode
from tests.support.programs.processes import Program, start, startExample
from txsockjs import SockJSFactory
from txsockjs.bridge import BridgeFactory, Told

TRANSPORTS = ("websocket", "xhr-streaming", "xhr-polling")
LOOPBACK = "tcp:0:interface=127.0.0.1"


async def talk(url: str, transport: str, conversation: str, **options: Any) -> Any:
    """The result of one conversation of ``tests/js/bridge.js``."""
    [result] = await runNode(
        reactor, "bridge.js", url, transport, conversation, json.dumps(options)
    )
    return result


class BridgeTestCase(TestCase):
    timeout = 120

    def setUp(self) -> None:
        need("node", packages=("sockjs-client",))

    async def listen(self, factory: Factory) -> int:
        """Listen with a factory until the test ends; the port's number."""
        port: IListeningPort = await serverFromString(reactor, LOOPBACK).listen(factory)
        self.addCleanup(port.stopListening)
        return port.getHost().port

    async def bridge(self, port: int, **kw: Any) -> str:
        """The URL of a bridge to a port."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        listening = await self.listen(SockJSFactory(BridgeFactory(endpoint, **kw)))
        return f"http://127.0.0.1:{listening}"


class RedisTests(BridgeTestCase):
    """The example bridge, in a process of its own, to Redis."""

    async def start(self) -> tuple[str, Program]:
        need("redis-server")
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = str(port.getHost().port)
        await port.stopListening()
        await start(
            self,
            "Ready to accept connections",
            shutil.which("redis-server") or "",
            *("--bind", "127.0.0.1", "--port", number, "--save", ""),
        )
        service = f"tcp:127.0.0.1:{number}:mode=base64"
        return await startExample(self, "bridge.py", service, LOOPBACK)

    async def test_commands(self) -> None:
        """Any bytes, and a thousand commands at once, are answered in order."""
        for transport in TRANSPORTS:
            url, _ = await self.start()
            self.assertEqual(
                await talk(url, transport, "redis"),
                {
                    "pong": "+PONG",
                    "stored": "+OK",
                    "intact": True,
                    "inOrder": True,
                    "quit": "+OK",
                    "code": Told.ENDED.code,
                    "reason": Told.ENDED.reason,
                    "wasClean": True,
                },
            )

    async def test_large(self) -> None:
        """50 MB arrive intact each way, through a process that does not grow by it."""
        size = 50_000_000
        for transport, piece in ("websocket", size), ("xhr-streaming", 500_000):
            url, program = await self.start()
            before = program.memory("VmRSS")
            result = await talk(url, transport, "redisLarge", size=size, piece=piece)
            self.assertEqual(result, {"stored": f":{size}", "intact": True})
            grown = program.memory("VmHWM") - before
            self.assertLess(grown, 10_000_000, transport)


@implementer(smtp.IMessage)
class Mail:
    """A mail that is kept."""

    def __init__(self, mails: list[str]) -> None:
        self.mails = mails
        self.content = BytesIO()

    def lineReceived(self, line: bytes) -> None:
        self.content.write(line + b"\n")

    def eomReceived(self) -> defer.Deferred[None]:
        self.mails.append(self.content.getvalue().decode())
        return defer.succeed(None)

    def connectionLost(self) -> None:
        pass


@implementer(smtp.IMessageDelivery)
class Delivery:
    """Takes every mail."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    def receivedHeader(self, *args: Any) -> bytes:
        return b"Received: here"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        return lambda: Mail(self.mails)


class Mailer(smtp.ESMTP):
    """Twisted's SMTP server, without a timer of its own."""

    timeout = None

    def __init__(self, delivery: Delivery) -> None:
        super().__init__()
        self.delivery = delivery


class SMTPTests(BridgeTestCase):
    """A bridge in lines to Twisted's own SMTP server."""

    async def test_mail(self) -> None:
        """A page sends a mail, line by line, and sees the server end the session."""
        delivery = Delivery()
        port = await self.listen(Factory.forProtocol(lambda: Mailer(delivery)))
        for transport in TRANSPORTS:
            url = await self.bridge(port, framing="lines")
            result = await talk(
                url, transport, "smtp", mail=["Subject: Hi", "", "Grüße, ☃"]
            )
            codes = ["220", "250", "250", "250", "354", "250", "221"]
            ended = {"code": Told.ENDED.code, "reason": Told.ENDED.reason}
            self.assertEqual(result, {"codes": codes, **ended, "wasClean": True})
            self.assertEqual(
                delivery.mails.pop(), "Received: here\nSubject: Hi\n\nGrüße, ☃\n"
            )


@implementer(IHalfCloseableProtocol)
class Slow(Protocol):
    """A service that reads less than 14 MB a second."""

    def connectionMade(self) -> None:
        self.sha256 = hashlib.sha256()

    def dataReceived(self, data: bytes) -> None:
        self.sha256.update(data)
        self.transport.pauseProducing()
        reactor.callLater(0.005, self.transport.resumeProducing)

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()
        self.factory.ended.callback(self.sha256.hexdigest())

    def writeConnectionLost(self) -> None:
        pass


class Ending(Slow):
    """A slow service that has nothing more to say when the first bytes are in."""

    silent = False

    def dataReceived(self, data: bytes) -> None:
        if not self.silent:
            self.silent = True
            self.transport.loseWriteConnection()
        super().dataReceived(data)


class SlowTests(BridgeTestCase):
    """The example bridge, in a process of its own, to a service that is slow."""

    async def test_upload(self) -> None:
        """
        50 MB from a page that then leaves arrive intact, before the end of the stream,
        through a process that does not keep what the service has not read.
        """
        await self.assertPours(Slow, 50_000_000)

    async def test_ended(self) -> None:
        """So do 10 MB to a service that ended its own stream at the first of them."""
        await self.assertPours(Ending, 10_000_000)

    async def assertPours(self, protocol: type[Slow], size: int) -> None:
        server = Factory.forProtocol(protocol)
        server.ended = defer.Deferred()
        service = f"tcp:127.0.0.1:{await self.listen(server)}:mode=base64"
        url, program = await startExample(self, "bridge.py", service, LOOPBACK)
        before = program.memory("VmRSS")
        result = await talk(url, "websocket", "pour", size=size, piece=99_999)
        self.assertEqual(await server.ended, result["sha256"])
        grown = program.memory("VmHWM") - before
        self.assertLess(grown, 10_000_000)


class Leaving(Protocol):
    """A service that says one thing and breaks the connection when it hears one."""

    def connectionMade(self) -> None:
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.transport.abortConnection()


class Once(Protocol):
    """A service that gives one message back, and leaves."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.loseConnection()


class EndpointTests(BridgeTestCase):
    """Other client endpoints than TCP."""

    async def assertBridges(self, service: IStreamClientEndpoint) -> None:
        port = await self.listen(SockJSFactory(BridgeFactory(service)))
        url = f"http://127.0.0.1:{port}"
        for transport in TRANSPORTS:
            result = await talk(url, transport, "listen", send="Grüße")
            self.assertEqual(result["first"], "Grüße")
            self.assertEqual(result["code"], Told.ENDED.code)

    async def test_unix(self) -> None:
        """A service on a UNIX socket."""
        path = self.mktemp()
        port = reactor.listenUNIX(path, Factory.forProtocol(Once))
        self.addCleanup(port.stopListening)
        await self.assertBridges(UNIXClientEndpoint(reactor, path))

    async def test_tls(self) -> None:
        """A service over TLS, which ends its stream the way of TLS."""
        key = ssl.KeyPair.generate()
        server = ssl.PrivateCertificate.fromCertificateAndKeyPair(
            key.selfSignedCert(1, CN="service"), key
        )
        secure = TLSMemoryBIOFactory(
            server.options(), False, Factory.forProtocol(Once), reactor
        )
        plain = TCP4ClientEndpoint(reactor, "127.0.0.1", await self.listen(secure))
        await self.assertBridges(wrapClientTLS(ssl.CertificateOptions(), plain))


class FailureTests(BridgeTestCase):
    """What a browser is told of a service that fails."""

    def assertTold(self, told: Told, result: Any) -> None:
        self.assertEqual((result["code"], result["reason"]), (told.code, told.reason))

    async def test_refused(self) -> None:
        """A port that nobody listens on is told as refused, over any transport."""
        port = reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        url = await self.bridge(number)
        for transport in TRANSPORTS:
            self.assertTold(Told.REFUSED, await talk(url, transport, "silence"))

    async def test_lost(self) -> None:
        """A connection that the service resets is told as lost, after what came."""
        url = await self.bridge(await self.listen(Factory.forProtocol(Leaving)))
        for transport in TRANSPORTS:
            result = await talk(url, transport, "listen", send="x")
            self.assertEqual(result["first"], "hello")
            self.assertTold(Told.LOST, result)

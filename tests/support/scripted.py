"""HTTP servers in memory that answer as a test says, and a client's way to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs.client.agent import WebClient
from txsockjs.errors import RequestFailed
from txsockjs.testing import MemoryReactor
from txsockjs.testing.network import connect

SERVER = IPv4Address("TCP", "192.0.2.1", 80)
CLIENT = IPv4Address("TCP", "192.0.2.7", 50000)


class Asked:
    """
    A request.

    :ivar line: its first line, without the version.
    :ivar headers: its headers, with names in lower case.
    :ivar body: its body.
    """

    def __init__(self, head: bytes, connection: Connection) -> None:
        line, *fields = head.decode("ascii").split("\r\n")
        self.line = line.rpartition(" ")[0]
        pairs = (field.partition(": ") for field in fields)
        self.headers = {name.lower(): value for name, _, value in pairs}
        self.body = b""
        self.connection = connection

    def say(self, *data: bytes) -> None:
        """
        Send bytes.
        """
        self.connection.transport.write(b"".join(data))

    def answer(self, body: bytes = b"", status: str = "200 OK", *headers: str) -> None:
        """
        Answer with a whole response.
        """
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.say("\r\n".join([*lines, "", ""]).encode("ascii"), body)

    def begin(self, *headers: str) -> None:
        """
        Answer with a response that goes on.
        """
        lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers]
        self.say("\r\n".join([*lines, "", ""]).encode("ascii"))

    def chunk(self, data: bytes = b"") -> None:
        """
        Go on; with nothing, end.
        """
        self.say(b"%x\r\n%b\r\n" % (len(data), data))


class Connection(Protocol):
    """
    A connection of a scripted server.

    :ivar ended: how it has ended.
    """

    transport: Any = None
    factory: Scripted
    ended: Failure | None = None

    def __init__(self) -> None:
        self._data = b""
        self._asked: Asked | None = None

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while True:
            if self._asked is None:
                head, end, rest = self._data.partition(b"\r\n\r\n")
                if not end:
                    return
                self._asked = Asked(head, self)
                self._data = rest
            size = int(self._asked.headers.get("content-length", 0))
            if len(self._data) < size:
                return
            asked, self._asked = self._asked, None
            asked.body, self._data = self._data[:size], self._data[size:]
            self.factory.asked.append(asked)
            self.factory.script(asked)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = reason


class Scripted(Factory):
    """
    A server.

    :ivar asked: the requests.
    :ivar connections: the connections.
    :ivar script: called with each request.
    """

    noisy = False

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections: list[Connection] = []
        self.script: Callable[[Asked], object] = lambda asked: asked.answer()

    def buildProtocol(self, addr: Any) -> Connection:
        connection = Connection()
        connection.factory = self
        self.connections.append(connection)
        return connection


@implementer(IStreamClientEndpoint)
class FactoryEndpoint:
    """
    Connects to a factory in memory.
    """

    def __init__(self, reactor: MemoryReactor, server: Any, room: int = 65536) -> None:
        self._reactor = reactor
        self._server = server
        self._room = room

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return deferLater(self._reactor, 0, self._connect, protocolFactory)

    def _connect(self, factory: Any) -> IProtocol:
        client: IProtocol = factory.buildProtocol(SERVER)
        server = self._server.buildProtocol(CLIENT)
        connect(self._reactor, server, SERVER, client, CLIENT, self._room, False)
        return client


class MemoryWebClient(WebClient):
    """
    A client whose connections are in memory.

    :ivar asked: the URLs that there was to be a connection for.
    """

    def __init__(
        self,
        reactor: MemoryReactor,
        endpoint: Callable[[str], IStreamClientEndpoint],
        **how: Any,
    ) -> None:
        super().__init__(reactor, **how)
        self._endpoint = endpoint
        self.asked: list[str] = []

    def endpointFor(self, url: str) -> IStreamClientEndpoint:
        self.asked.append(url)
        return self._endpoint(url)


class ScriptedTestCase(SynchronousTestCase):
    """
    A client, a server that answers as the test says, and nothing left behind.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.server = Scripted()
        self._clients: list[WebClient] = []
        self.web = self.client()
        self.addCleanup(self._close)

    def client(self, **how: Any) -> MemoryWebClient:
        """
        Another client of the server.
        """
        client = MemoryWebClient(
            self.reactor, lambda url: FactoryEndpoint(self.reactor, self.server), **how
        )
        self._clients.append(client)
        return client

    def _close(self) -> None:
        for client in self._clients:
            client.close()
        self.reactor.settle()
        for connection in self.server.connections:
            if connection.ended is None:
                connection.transport.abortConnection()
        self.reactor.settle()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.getReaders() + self.reactor.getWriters(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def get(self, path: str = "/", **how: Any) -> Any:
        """
        Ask for something, and let all happen that happens at once.

        :return: a Deferred of the response.
        """
        asking = self.web.request("GET", f"http://sockjs.example{path}", **how)
        self.reactor.settle()
        return asking

    def read(self, response: Any, *limit: int) -> Any:
        """
        Read a response.
        """
        reading = response.read(*limit)
        self.reactor.settle()
        return reading

    def problem(self, failing: Deferred[Any]) -> str:
        """
        What a Deferred has failed with, as a person reads it.
        """
        return str(self.failureResultOf(failing, RequestFailed).value)

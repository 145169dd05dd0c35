"""Requests that are passed on as the bytes that they came as."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from tests.cluster.support import ClusterCase, Worker, carrying
from tests.cluster.test_faults import PASSED, FaultCase
from txsockjs.cluster import direct
from txsockjs.cluster.direct import DirectRelay
from txsockjs.cluster.peers import Peer
from txsockjs.testing import MemoryConnection, MemorySite

START = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


class DirectCase(FaultCase):
    """
    A connection on which a request was passed on, so that others may take the short
    way.

    :ivar taken: those that have taken it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.taken: list[DirectRelay] = []
        case = self

        class Counted(DirectRelay):
            def receive(self, start: Any, body: bytes) -> None:
                case.taken.append(self)
                super().receive(start, body)

        self.patch(direct, "DirectRelay", Counted)
        self.connect().request("POST", f"/0/{self.idOf(1, 's')}/xhr_streaming")
        self.connection = self.connect()
        self.primed = f"/0/{self.idOf(1, 'x')}"
        self.connection.request("POST", f"{self.primed}/xhr")
        for name in "xhr_send", "jsonp?c=x":
            method = "GET" if name.startswith("jsonp") else "POST"
            # One that no session is there for.
            self.connect().request(method, f"/0/{self.idOf(1, 'y')}/{name}")
        self.assertEqual(self.taken, [])

    def connect(self) -> MemoryConnection:
        connection = MemoryConnection(self.reactor)
        self.near.site.connect(connection)
        return connection

    def post(self, transport: str = "xhr", **kw: Any) -> Any:
        return self.connection.request("POST", f"{self.path}/{transport}", **kw)


class ShortTests(DirectCase):
    """
    What takes the short way.
    """

    def test_session(self) -> None:
        """
        Requests of a session do, on a connection where one was passed on before, and
        are counted like others.
        """
        before = self.near.cluster.counters.passed
        self.assertEqual(self.post().body, b"o\n")
        self.assertEqual(self.post("xhr_send", body=b'["x"]').status, 204)
        self.assertEqual(self.post().body, b'a["x"]\n')
        self.assertEqual(len(self.taken), 3)
        self.assertEqual(self.near.cluster.counters.passed - before, 3)
        self.assertEqual(self.near.sessions, [])

    def test_query(self) -> None:
        """
        A query goes with them.
        """
        path = f"{self.path}/jsonp?c=a%2Eb"
        response = self.connection.request("GET", path)
        self.assertEqual(response.body, b'/**/a.b("o");\r\n')
        self.assertEqual(len(self.taken), 1)

    def test_client(self) -> None:
        """
        The other worker sees whose they are, and all that the client has sent, but
        nothing about the connection.
        """
        self.post(headers={"X-Own": " a, b ", "Connection": "keep-alive", "X-B": "c"})
        self.assertEqual(len(self.taken), 1)
        request = self.far.sessions[-1].transport.request
        fields = dict(request.headers)
        self.assertEqual((fields["x-own"], fields["x-b"]), (("a, b",), ("c",)))
        self.assertNotIn("connection", fields)
        self.assertFalse([name for name in fields if name.startswith("sockjs-")])
        peer: Any = self.connection.transport
        self.assertEqual(request.peer, peer.getHost())

    def test_stream(self) -> None:
        """
        A stream comes as it was written, and the connection goes on behind it.
        """
        stream = self.post("xhr_streaming")
        self.assertEqual(stream.body, b"h" * 2048 + b"\no\n")
        session = self.far.sessions[-1]
        for number in range(20):
            session.transport.write(b"%d" % number)
            self.reactor.settle()
        frames = b"".join(b'a["%d"]\n' % number for number in range(20))
        self.assertEqual(stream.body, b"h" * 2048 + b"\no\n" + frames)
        session.transport.loseConnection()
        self.reactor.settle()
        self.assertTrue(stream.finished)
        again = self.post("xhr_streaming")
        self.assertIn(b"\nc[", again.body)
        self.assertTrue(again.finished)
        self.assertEqual(len(self.taken), 2)

    def test_behind(self) -> None:
        """
        Requests that come behind one another are answered in their order.
        """
        self.post()
        self.post("xhr_send", body=b'["x"]')
        head = f"POST {self.path}/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        connection = self.connection
        connection.received = b""
        both = head % ("xhr", 0) + head % ("xhr_send", 5) + '["y"]' + head % ("xhr", 0)
        connection.send(both.encode())
        self.reactor.advance(1)
        bodies = [b'a["x"]\n', b"204 No Content", b'a["y"]\n']
        places = [connection.received.find(body) for body in bodies]
        self.assertEqual(places, sorted(places))
        self.assertGreater(places[0], 0)
        self.assertEqual(len(self.taken), 5)


class OrdinaryTests(DirectCase):
    """
    What takes the ordinary way all the same.
    """

    def test_others(self) -> None:
        """
        Whatever has to be looked at more closely, and what is not passed on.
        """
        own = f"/0/{self.idOf(0)}/xhr"
        for path, headers, status in (
            (f"{self.path}/xhr", {"Upgrade": "websocket"}, 400),
            (f"{self.path}/xhr", PASSED, 200),
            (f"{self.path}/xhr", {"Connection": "x, keep-alive"}, 200),
            (f"{self.path}/xhr", {"TE": "trailers"}, 200),
            (f"{self.path}/xhr", {"Connection": "close"}, 200),
            (f"/0/%61{self.idOf(1)}/xhr", {}, 200),
            (f"/0.0/{self.idOf(1)}/xhr", {}, 404),
            (f"//{self.idOf(1)}/xhr", {}, 404),
            (f"/x/0/{self.idOf(1)}/xhr", {}, 404),
            (f"{self.path}/info", {}, 404),
            (own, {}, 200),
        ):
            self.doCleanups()
            self.setUp()
            response = self.connection.request("POST", path, headers=headers)
            self.assertEqual(response.status, status, (path, headers))
            self.assertEqual(self.taken, [], (path, headers))

    def test_method(self) -> None:
        """
        Another method than that of the transport does.
        """
        response = self.connection.request("GET", f"{self.path}/xhr")
        self.assertEqual(response.status, 405)
        self.assertEqual(self.taken, [])

    def test_forged(self) -> None:
        """
        Nobody says there who he is.
        """
        self.post(headers=PASSED)
        request = self.far.sessions[-1].transport.request
        self.assertNotEqual(request.peer.host, "192.0.2.1")

    def test_moved(self) -> None:
        """
        A session that is here is asked for here, whoever's slot it is of by now.
        """
        path = f"/0/{self.idOf(0)}"
        self.connection.request("POST", f"{path}/xhr")
        self.near.slots.locate = lambda id: (self.far.slots.me,)  # type: ignore[method-assign]
        self.connection.request("POST", f"{path}/xhr_send", body=b'["x"]')
        self.assertEqual(self.connection.request("POST", f"{path}/xhr").body[:2], b"a[")
        self.assertEqual(self.taken, [])

    def test_draining(self) -> None:
        """
        A worker that ends passes requests on in the ordinary way, as the last ones of
        their connections.
        """
        self.near.slots.update(
            [Peer(0, 0, "/memory/0", draining=True), self.far.slots.me]
        )
        response = self.post()
        self.assertEqual(response.body, b"o\n")
        self.assertEqual(response.headers.getRawHeaders("Connection"), ["close"])
        self.assertEqual(self.taken, [])

    def test_stopped(self) -> None:
        """
        A service that has stopped says so itself.
        """
        self.near.service.stop()
        self.assertEqual(self.post().status, 503)
        self.assertEqual(self.taken, [])


class LogTests(ClusterCase):
    """
    A site with an access log.
    """

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []

        def formatter(timestamp: str, request: Any) -> str:
            self.lines.append(f"{request.code} {request.sentLength}")
            return ""

        self.siteOptions = {"logPath": self.mktemp(), "logFormatter": formatter}

    def test_logged(self) -> None:
        """
        The log has all requests that are passed on.
        """
        self.begin(2)
        client = self.at(self.workers[0])
        path = f"/0/{self.idOf(1)}"
        client.request("POST", f"{path}/xhr")
        for _ in range(3):
            client.request("POST", f"{path}/xhr_send", body=b'["x"]')
        self.assertEqual(self.lines, ["200 2"] + ["204 0"] * 3)


class Slowly(Protocol):
    """
    Says what it is told to, so many bytes at a time.
    """

    def __init__(self, reactor: Any, answer: bytes, ends: bool, size: int) -> None:
        self.reactor = reactor
        self.pieces = [answer[n : n + size] for n in range(0, len(answer), size)]
        self.ends = ends

    def dataReceived(self, data: bytes) -> None:
        self.say()

    def say(self) -> None:
        transport: Any = self.transport
        if self.pieces:
            transport.write(self.pieces.pop(0))
            self.reactor.callLater(0.001, self.say)
        elif self.ends:
            transport.loseConnection()


class Pieces(MemorySite):
    """
    A peer that is none of ours.
    """

    def __init__(self, case: ClusterCase, answer: bytes, ends: bool, size: int) -> None:
        factory: Any = Factory()
        factory.buildProtocol = lambda addr: Slowly(case.reactor, answer, ends, size)
        super().__init__(carrying(case.reactor, factory))


class LostTests(DirectCase):
    """
    What goes wrong on the way.
    """

    def meet(self, answer: bytes, ends: bool = False, size: int = 0) -> Any:
        """
        The answer to a request that goes to a peer which says this.

        :param size: how many bytes at a time; all of them by default.
        """
        self.lose(self.far)
        peer = Pieces(self, answer, ends, size or len(answer) or 1)
        self.ports.sites["/memory/1"] = peer
        self.addCleanup(lambda: self.ports.sites.pop("/memory/1").stop())
        response = self.post()
        self.reactor.advance(1)
        self.assertEqual(len(self.taken), 1)
        return response

    def test_cutAnywhere(self) -> None:
        """
        A stream and a long answer are the same however they are cut.
        """
        body = b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n1\r\n\n\r\n0\r\n\r\n"
        long = START + b"Content-Length: 20\r\n\r\n0123456789abcdefghij"
        for size in 1, 2, 3, 5, 7, 11, 1000:
            for answer in CHUNKED + body, long:
                response = self.meet(answer, size=size)
                self.assertEqual(response.raw, answer, size)
                self.assertTrue(response.finished)
                self.assertFalse(self.connection.closed)
                self.doCleanups()
                self.setUp()

    def test_notThere(self) -> None:
        """
        Where the peer cannot be connected to, what may begin a session waits.
        """
        self.lose(self.far)
        response = self.post()
        self.assertEqual(len(self.taken), 1)
        self.reactor.advance(4.9)
        self.assertEqual(response.status, 0)
        self.reactor.advance(0.2)
        self.assertEqual(response.status, 503)
        self.assertEqual(self.refused(), {"PeerUnavailable": 1})
        # The connection goes on.
        self.assertEqual(
            self.connection.request("POST", f"/0/{self.idOf(0)}/xhr").body, b"o\n"
        )

    def test_comesBack(self) -> None:
        """
        It begins at the next worker of its slot.
        """
        self.lose(self.far)
        response = self.post()
        self.workers.append(Worker(self, 2, Peer(1, 9, "/memory/9"), Protocol))
        self.tell()
        self.reactor.settle()
        self.assertEqual(response.body, b"o\n")

    def test_whilePolled(self) -> None:
        """
        Where it goes before it has answered, the session is lost: 404, at once, with
        the headers that let a page read it.
        """
        self.post()
        poll = self.post(headers={"Origin": "https://page.example"})
        self.lose(self.far)
        self.assertEqual(poll.status, 404)
        origins = poll.headers.getRawHeaders("Access-Control-Allow-Origin")
        self.assertEqual(origins, ["https://page.example"])
        self.assertEqual(self.refused(), {"SessionLost": 1})
        self.assertFalse(self.connection.closed)

    def test_notHere(self) -> None:
        """
        So it is where the peer says what only peers are told.
        """
        answer = b"HTTP/1.1 421 x\r\nContent-Type: a/b\r\nContent-Length: 1\r\n\r\nx"
        self.assertEqual(self.meet(answer).status, 404)

    def test_whileStreaming(self) -> None:
        """
        Where it goes in the middle of an answer, between two chunks or within one, the
        client's connection ends.
        """
        for begun in b"", b"5\r\nab", b"2\r\nab", b"2\r\nab\r\n", b"2\r", b"0\r\n":
            response = self.meet(CHUNKED + b"1\r\nx\r\n" + begun, ends=True)
            self.assertTrue((CHUNKED + b"1\r\nx\r\n" + begun).startswith(response.raw))
            self.assertTrue(self.connection.closed, begun)
            self.assertFalse(response.finished, begun)
            self.doCleanups()
            self.setUp()

    def test_badChunk(self) -> None:
        """
        What is no chunk does not reach the client, whose connection ends.
        """
        for bad in b"zz\r\n", b"2\r\nabcd", b"-1\r\n", b"1" * 40:
            response = self.meet(CHUNKED + b"1\r\nx\r\n" + bad)
            self.assertTrue(self.connection.closed, bad)
            self.assertFalse(response.finished, bad)
            self.assertNotIn(bad, response.raw[len(CHUNKED) :])
            self.doCleanups()
            self.setUp()

    def test_cutShort(self) -> None:
        """
        A long answer that ends before its end does not pass for a whole one.
        """
        response = self.meet(START + b"Content-Length: 5\r\n\r\nab", ends=True)
        self.assertTrue(self.connection.closed)
        self.assertFalse(response.finished)

    def test_clientGone(self) -> None:
        """
        A client that goes leaves no connection to a peer that is silent.
        """
        self.meet(b"")
        pool = self.near.cluster._router._pools["/memory/1"]
        self.assertEqual(len(pool), 1)
        self.connection.abort()
        self.reactor.settle()
        self.assertEqual(len(pool), 0)

    def test_closes(self) -> None:
        """
        That a peer ends its connection is nothing to the client.
        """
        for line in b"Connection: close", b"connection:close":
            response = self.meet(START + line + b"\r\nContent-Length: 1\r\n\r\nx")
            self.assertEqual(response.body, b"x")
            self.assertFalse(response.headers.hasHeader("Connection"))
            self.assertFalse(self.connection.closed)
            self.doCleanups()
            self.setUp()


class PaceTests(DirectCase):
    """
    A client that reads slowly, or not at all.
    """

    options = {"streaming_limit": 1_000_000}

    def opened(self) -> tuple[Any, Any]:
        """
        The client's side of a stream, and its session's protocol.
        """
        self.connection.begin("POST", f"{self.path}/xhr_streaming")
        self.reactor.settle()
        self.assertEqual(len(self.taken), 1)
        return self.connection.transport, self.far.sessions[-1]

    def test_slow(self) -> None:
        """
        Nothing more is read of the answer than the client takes; all of it comes in the
        end.
        """
        transport, session = self.opened()
        transport.pauseProducing()
        connection: Any = self.taken[0].connection
        for _ in range(40):
            session.transport.write(b"x" * 10_000)
            self.reactor.settle()
        self.assertTrue(connection._paused)
        self.assertLess(len(self.connection.received), 100_000)
        transport.resumeProducing()
        self.reactor.settle()
        self.assertFalse(connection._paused)
        response: Any = self.connection.response
        self.assertEqual(response.body.count(b"x"), 400_000)

    def test_vanished(self) -> None:
        """
        One that takes nothing for as long as from one heartbeat to the next is gone.
        """
        transport, session = self.opened()
        transport.pauseProducing()
        session.transport.write(b"x" * 80_000)
        core = self.far.service.byId[self.path.rpartition("/")[2].encode()]
        self.reactor.advance(24)
        self.assertIsNotNone(core.receiver)
        self.reactor.advance(30)
        self.assertIsNone(core.receiver)

    def test_quiet(self) -> None:
        """
        One that has taken all, and is told nothing but heartbeats, stays.
        """
        _, session = self.opened()
        for _ in range(10):
            self.reactor.advance(25)
        session.transport.write(b"still here")
        self.reactor.settle()
        response: Any = self.connection.response
        self.assertTrue(response.body.endswith(b'a["still here"]\n'))

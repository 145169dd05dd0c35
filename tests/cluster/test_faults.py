"""What goes wrong between workers, and what a client is told then."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from tests.cluster.support import ClusterCase, Worker, carrying
from txsockjs.cluster import waiting
from txsockjs.cluster.peers import Peer
from txsockjs.testing import MemoryConnection, MemorySite

PASSED = {"Sockjs-Passed": "1 0 0 192.0.2.1,1 192.0.2.2,2"}


class Mute(Protocol):
    """
    Says what it is told to, and then nothing more.
    """

    def __init__(self, answer: bytes, ends: bool) -> None:
        self.answer = answer
        self.ends = ends

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(self.answer)
        if self.ends:
            transport.loseConnection()


class Strange(MemorySite):
    """
    A peer that is none of ours.
    """

    def __init__(self, case: ClusterCase, answer: bytes, ends: bool) -> None:
        factory: Any = Factory()
        factory.buildProtocol = lambda addr: Mute(answer, ends)
        super().__init__(carrying(case.reactor, factory))


class FaultCase(ClusterCase):
    """
    A worker, and another one whose slot a session is of.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(2)
        self.near, self.far = self.workers
        self.path = f"/0/{self.idOf(1)}"
        self.client_ = self.at(self.near)

    def post(self, transport: str = "xhr", **kw: Any) -> Any:
        return self.client_.request("POST", f"{self.path}/{transport}", **kw)

    def refused(self) -> dict[str, int]:
        """
        What was refused where the requests come in, which the service counts too.
        """
        counted = dict(self.near.cluster.counters.refused)
        for name, count in counted.items():
            self.assertEqual(self.near.service.counters.refused[name], count)
        return counted


class GoneTests(FaultCase):
    """
    A worker that is gone.
    """

    def test_notThere(self) -> None:
        """
        Where it cannot be connected to, what may begin a session waits for another one,
        for some time; then 503 says so, which the page may read.
        """
        self.lose(self.far)
        response = self.post(headers={"Origin": "https://page.example"})
        self.reactor.advance(4.9)
        self.assertEqual(response.status, 0)
        self.reactor.advance(0.2)
        self.assertEqual(response.status, 503)
        origins = response.headers.getRawHeaders("Access-Control-Allow-Origin")
        self.assertEqual(origins, ["https://page.example"])
        self.assertEqual(self.refused(), {"PeerUnavailable": 1})

    def test_known(self) -> None:
        """
        So it is where all know that nobody has its slot. A message is for a session
        that is lost.
        """
        self.lose(self.far)
        self.tell()
        response = self.post()
        self.assertEqual(self.post("xhr_send", body=b'["x"]').status, 404)
        self.reactor.advance(5)
        self.assertEqual(response.status, 503)

    def test_comesBack(self) -> None:
        """
        When another one has its place, those who wait begin their sessions there.
        """
        self.lose(self.far)
        polls = [self.post() for _ in range(2)]
        self.reactor.advance(1)
        self.tell()
        self.workers.append(Worker(self, 2, Peer(1, 9, "/memory/9"), Protocol))
        self.tell()
        self.reactor.settle()
        self.assertEqual(sorted(each.body for each in polls), [b"", b"o\n"])

    def test_goesMeanwhile(self) -> None:
        """
        Whoever goes meanwhile waits no longer, and begins nothing.
        """
        self.lose(self.far)
        self.post().connection.abort()
        self.reactor.settle()
        self.assertEqual(len(self.near.cluster._waitingRoom), 0)
        before = self.reactor.getDelayedCalls()
        self.assertFalse([each for each in before if each.getTime() > 4])

    def test_manyWait(self) -> None:
        """
        There is a bound for how many wait.
        """
        self.patch(waiting, "MOST_WAITING", 2)
        self.lose(self.far)
        statuses = [self.post().status for _ in range(3)]
        self.assertEqual(statuses, [0, 0, 503])

    def test_whilePolled(self) -> None:
        """
        Where it goes before it has answered, the session is lost: 404, at once.
        """
        self.post()
        poll = self.post()
        self.assertEqual(poll.status, 0)
        self.lose(self.far)
        self.assertEqual(poll.status, 404)
        self.assertEqual(self.refused(), {"SessionLost": 1})

    def test_whileStreaming(self) -> None:
        """
        Where it goes in the middle of an answer, the client's connection ends: what it
        has is not to pass for all of it.
        """
        stream = self.post("xhr_streaming")
        self.assertTrue(stream.body.endswith(b"o\n"))
        self.lose(self.far)
        self.assertTrue(stream.connection.closed)
        self.assertFalse(stream.finished)

    def test_others(self) -> None:
        """
        Sessions of the other workers are none the wiser, and those that begin later at
        another worker in its place are served.
        """
        session = self.client_.session("xhr")
        while self.near.slots.slotOf(next(iter(self.near.service.byId), b"")):
            session = self.client_.session("xhr")
        self.lose(self.far)
        session.send("still here")
        self.assertEqual(session.received, ["still here"])
        self.workers.append(Worker(self, 2, Peer(1, 9, "/memory/9"), Protocol))
        self.tell()
        self.assertEqual(self.post().body, b"o\n")

    def test_pooled(self) -> None:
        """
        A connection that was kept, and has ended since, is not used.
        """
        self.post()
        self.lose(self.far)
        self.workers.append(Worker(self, 2, Peer(1, 1, "/memory/1"), Protocol))
        self.assertEqual(self.post().body, b"o\n")


class StrangeTests(FaultCase):
    """
    A peer that does what it must not.
    """

    def meet(self, answer: bytes, ends: bool = False) -> Any:
        """
        The answer to a request that is passed on to such a peer.
        """
        self.lose(self.far)
        self.ports.sites["/memory/1"] = Strange(self, answer, ends)
        self.addCleanup(lambda: self.ports.sites.pop("/memory/1").stop())
        return self.post()

    def test_noHTTP(self) -> None:
        """
        What is no response of ours is none at all.
        """
        for answer in (
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\nSet-Cookie: b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX Y: a\r\n\r\n",
            b"x" * 70_000,
        ):
            response = self.meet(answer)
            self.assertEqual(response.status, 404, answer[:40])
            self.doCleanups()
            self.setUp()

    def test_anyStatus(self) -> None:
        """
        A status that twisted.web has no words for is a status.
        """
        for answer in (
            b"HTTP/1.1 431 Large\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 499 x\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n0\r\n\r\n",
        ):
            response = self.meet(answer)
            status = int(answer.split()[1])
            self.assertEqual((response.status, response.body), (status, b"ab"))
            self.assertTrue(response.finished)
            self.doCleanups()
            self.setUp()

    def test_cutShort(self) -> None:
        """
        An answer that ends before its end does not reach the client as one that is
        whole.
        """
        start = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
        response = self.meet(start + b"Content-Length: 5\r\n\r\nab", ends=True)
        self.assertTrue(response.connection.closed)
        self.assertFalse(response.finished)

    def test_chunks(self) -> None:
        """
        Nor does one whose chunks are none.
        """
        start = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked"
        response = self.meet(start + b"\r\n\r\n2\r\nab\r\nzz\r\n")
        self.assertTrue(response.connection.closed)
        self.assertFalse(response.finished)

    def test_more(self) -> None:
        """
        What comes behind an answer ends the connection, and is nobody's answer.
        """
        start = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\n"
        response = self.meet(start + b"ab" + start + b"cd")
        self.assertEqual(response.body, b"ab")
        self.assertTrue(response.finished)
        self.assertEqual(self.post().body, b"ab")
        self.assertEqual(self.ports.connected.count("/memory/1"), 2)

    def test_silent(self) -> None:
        """
        A client that goes leaves no connection to a peer that is silent.
        """
        response = self.meet(b"")
        self.assertEqual(len(self.near.cluster._router._pools["/memory/1"]), 1)
        response.connection.abort()
        self.reactor.settle()
        self.assertEqual(len(self.near.cluster._router._pools["/memory/1"]), 0)


class ForgedTests(FaultCase):
    """
    Who says that it is a peer.
    """

    def test_client(self) -> None:
        """
        A client cannot, where clients come in.
        """
        self.at(self.far, peer="192.0.2.66").request(
            "POST", f"{self.path}/xhr", headers=PASSED
        )
        [session] = self.far.sessions
        self.assertEqual(session.transport.getPeer().host, "192.0.2.66")

    def test_noHeader(self) -> None:
        """
        Where peers come in, all requests have to say whose they are.
        """
        trunks: Any = self.ports.sites["/memory/1"].site
        peers = MemorySite(trunks.accepting)
        self.addCleanup(peers.stop)
        for headers in (
            {},
            {"Sockjs-Passed": "1"},
            {"Sockjs-Passed": "1 0 0 x,1 192.0.2.1,1"},
            {"Sockjs-Passed": "3 0 0 192.0.2.1,1 192.0.2.1,1"},
            [*PASSED.items(), *PASSED.items()],
            {**PASSED, "Sockjs-Certificate": "eHg="},
        ):
            connection = MemoryConnection(self.reactor)
            peers.connect(connection)
            response = connection.request("POST", f"{self.path}/xhr", headers)
            self.assertEqual(response.status, 401, headers)
        self.assertEqual(self.far.sessions, [])

    def test_circle(self) -> None:
        """
        A request whose workers do not agree where it belongs goes round no circle.
        """
        here = Peer(1, 9, "/memory/0")
        self.far.slots.update([here])
        self.near.slots.update([self.far.slots.me])
        self.assertEqual(self.post().status, 503)
        passed = [each.cluster.counters.passed for each in self.workers]
        self.assertLessEqual(sum(passed), 2)


class RollTests(FaultCase):
    """
    A slot of two workers, one of which drains.
    """

    def setUp(self) -> None:
        super().setUp()
        self.path = f"/0/{self.idOf(0)}"
        self.client_ = self.at(self.far)

    def test_stays(self) -> None:
        """
        A session stays with the one that has it, until it has had all that was written
        and its close frame; nothing is lost.
        """
        session = self.client_.session("xhr")
        while not self.near.service.byId:
            session = self.client_.session("xhr")
        new = self.succeed()
        session.send("before")
        self.assertEqual(session.received, ["before"])
        self.near.service.drain()
        self.reactor.advance(1)
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.assertEqual(new.sessions, [])

    def test_new(self) -> None:
        """
        A session that neither has begins at the new one, wherever it is asked for.
        """
        new = self.succeed()
        self.near.service.drain()
        for worker, start in (self.near, "a"), (self.far, "b"), (new, "c"):
            path = f"/0/{self.idOf(0, start)}/xhr"
            response = self.at(worker).request("POST", path)
            self.assertEqual(response.body, b"o\n", start)
        self.assertEqual([len(each.sessions) for each in (self.near, new)], [0, 3])

    def test_unknown(self) -> None:
        """
        A message for a session that neither has is refused with 404.
        """
        self.succeed()
        sent = self.post("xhr_send", body=b'["x"]')
        self.assertEqual((sent.status, sent.body), (404, b"No such session."))

    def test_ended(self) -> None:
        """
        Who comes late for a session of the old one is told how it has ended.
        """
        self.post()
        self.succeed()
        self.near.sessions[0].transport.loseConnection(3001, "enough")
        self.reactor.advance(30)
        self.assertEqual(self.near.service.byId, {})
        for _ in range(2):
            self.assertEqual(self.post().body, b'c[3001,"enough"]\n')

    def test_oldGone(self) -> None:
        """
        Where the old one is gone, and not all know it yet, sessions begin all the same.
        """
        self.succeed()
        self.lose(self.near)
        self.assertEqual(self.post().body, b"o\n")

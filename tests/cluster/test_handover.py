"""Connections that go from one worker to another, over real UNIX sockets."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.cluster.handing import HandoverCase
from txsockjs.cluster import handover, waiting
from txsockjs.cluster.peers import Peer
from txsockjs.counters import ClusterCounters


class HandoverTests(HandoverCase):
    """
    A connection on which something is asked.
    """

    async def test_handed(self) -> None:
        """
        A connection goes to the worker whose session it asks for, with what is on it;
        that answers this request and the further ones, and knows the client.
        """
        talk = await self.connect()
        talk.post(f"{self.path}/xhr")
        await talk.until(b"\r\no\n")
        await self.assertCounts(1, 0)
        for number in range(10):
            talk.post(f"{self.path}/xhr_send", b'["x"]')
            talk.post(f"{self.path}/xhr")
            await talk.until(b'a["x"]', number + 1)
        await self.assertCounts(1, 0)
        [session] = self.far.sessions
        self.assertEqual(session.transport.getPeer(), talk.transport.getHost())
        self.assertFalse(talk.ended)

    async def test_pipelined(self) -> None:
        """
        What came behind the request is not lost.
        """
        talk = await self.connect()
        head = f"POST {self.path}/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        send = head % ("xhr_send", 5) + '["a"]'
        poll = head % ("xhr", 0)
        talk.transport.write((poll + send + poll + send + poll).encode())
        await talk.until(b'a["a"]', 2)
        await self.assertCounts(1, 0)
        self.assertEqual(talk.received.count(b"HTTP/1.1 "), 5)

    async def test_closed(self) -> None:
        """
        A connection that was handed over ends where it is now.
        """
        talk = await self.connect()
        talk.post(f"{self.path}/xhr")
        await talk.until(b"\r\no\n")
        talk.post(f"{self.path}/xhr")
        self.far.sessions[0].transport.loseConnection(3001, "enough")
        await talk.until(b"enough")
        talk.transport.write(b"NONSENSE\r\n\r\n")
        await talk.until(b"never")
        self.assertTrue(talk.ended)
        self.assertIn(b"400", talk.received)

    async def test_stays(self) -> None:
        """
        One that is used for sessions of several workers is not handed to and fro: what
        comes on it is passed on.
        """
        talk = await self.connect()
        talk.post(f"{self.path}/xhr")
        await talk.until(b"\r\no\n")
        talk.post(f"{self.own}/xhr")
        await talk.until(b"\r\no\n", 2)
        self.assertEqual(self.far.counters.passed, 1)
        self.assertEqual(self.far.counters.handed, 0)
        for count in range(3, 3 + handover.IN_A_ROW):
            talk.post(f"{self.own}/xhr_send", b'["x"]')
            await talk.until(b"HTTP/1.1 ", count)
        # By now it is clear whose it is.
        while not self.far.counters.handed:
            await deferLater(reactor, 0.01)

    async def test_large(self) -> None:
        """
        A request with a large body is passed on, and stays where it came in.
        """
        self.patch(handover, "MOST_BYTES", 4)
        talk = await self.connect()
        talk.post(f"{self.path}/xhr", b"12345")
        await talk.until(b"\r\no\n")
        await self.assertCounts(0, 1)

    async def test_oldHTTP(self) -> None:
        """
        So is one that ends its connection.
        """
        talk = await self.connect()
        head = f"POST {self.path}/xhr HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        talk.transport.write(head.encode())
        await talk.until(b"never")
        self.assertTrue(talk.received.endswith(b"\r\no\n"))
        await self.assertCounts(0, 1)

    async def test_refused(self) -> None:
        """
        Where the other worker does not take the connection, since it sees that another
        one should, the request is passed on, once, and answered here.
        """
        newer = Peer(1, 9, f"{self.directory}/9")
        self.far.slots.update([self.near.slots.me, self.far.slots.me, newer])
        talk = await self.connect()
        talk.post(f"{self.path}/xhr")
        await talk.until(b"HTTP/1.1 ")
        self.assertIn(b" 503 ", talk.received)
        await self.assertCounts(0, 1)
        self.assertFalse(talk.ended)

    async def test_noDescriptors(self) -> None:
        """
        Where the other worker has no descriptors left, it takes the request alone, and
        none that it was sent stays open there.
        """
        sent: list[tuple[int, os.stat_result]] = []

        def full(descriptor: int, family: int, site: object) -> None:
            sent.append((descriptor, os.fstat(descriptor)))
            raise OSError(errno.EMFILE, "too many")

        talk = await self.connect()
        self.patch(reactor, "adoptStreamConnection", full)
        talk.post(f"{self.path}/xhr")
        await talk.until(b"\r\no\n")
        await self.assertCounts(0, 1)
        [(descriptor, file)] = sent
        with contextlib.suppress(OSError):
            # Another one may have its number by now.
            self.assertFalse(os.path.samestat(os.fstat(descriptor), file))

    async def test_gone(self) -> None:
        """
        Where it is gone, the client is told so, on a connection that goes on.
        """
        self.patch(waiting, "WAIT_TIME", 0.05)
        await self.far.site.leaveCluster()
        talk = await self.connect()
        talk.post(f"{self.path}/xhr")
        await talk.until(b"HTTP/1.1 503 ")
        talk.post(f"{self.own}/xhr")
        await talk.until(b"\r\no\n")
        await self.assertCounts(0, 1)

    async def test_silent(self) -> None:
        """
        Where it does not answer in time, the connection is closed, at both: it may have
        been taken.
        """
        self.patch(handover, "TAKE_TIME", 0.05)
        self.patch(handover.Adopting, "dataReceived", lambda self, data: None)
        talk = await self.connect()
        talk.post(f"{self.path}/xhr")
        await talk.until(b"never")
        self.assertTrue(talk.ended)
        self.assertEqual(talk.received, b"")

    async def test_descriptors(self) -> None:
        """
        No descriptor is left open of what was handed over and has ended.
        """

        async def one() -> None:
            talk = await self.connect()
            talk.post(f"{self.path}/xhr_send", b'["x"]')
            await talk.until(b"HTTP/1.1 404")
            talk.transport.loseConnection()
            await talk.until(b"never")
            await deferLater(reactor, 0.01)

        def count() -> int:
            return len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 0

        await one()
        before = count()
        for _ in range(5):
            await one()
        while count() > before:
            # The other side's end of it is closed in its own time.
            await deferLater(reactor, 0.01)
        await self.assertCounts(6, 0)


class Leaving:
    """
    A connection that is to be handed over: the end of a pipe.
    """

    connected = True

    def __init__(self, case: SynchronousTestCase) -> None:
        self._fd, other = os.pipe()
        self.file = os.fstat(self._fd)
        self.kept = 0
        case.addCleanup(self.loseConnection)
        case.addCleanup(os.close, other)

    def fileno(self) -> int:
        return self._fd

    def resumeProducing(self) -> None:
        pass

    def refused(self) -> None:
        self.kept += 1

    def loseConnection(self) -> None:
        if self.connected:
            self.connected = False
            os.close(self._fd)

    def connectionLost(self, reason: object) -> None:
        self.loseConnection()


class Sending(StringTransport):
    """
    A connection that sends descriptors, later.
    """

    def __init__(self) -> None:
        super().__init__()
        self.descriptors: list[int] = []

    def sendFileDescriptor(self, descriptor: int) -> None:
        self.descriptors.append(descriptor)


class DescriptorTests(SynchronousTestCase):
    """
    What is sent of a connection.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        counters = ClusterCounters()
        self.handovers = handover.Handovers(self.clock, counters, lambda id: True)
        self.sender = handover.HandingOver(self.handovers, "/there")
        self.handovers._senders["/there"] = self.sender
        self.transport = Sending()
        self.sender.makeConnection(self.transport)
        self.leaving = Leaving(self)

    def send(self) -> int:
        leaving: Any = self.leaving
        offer = handover._Offer(leaving, leaving.refused)
        self.sender.send(offer, b"record")
        [descriptor] = self.transport.descriptors
        return descriptor

    def assertClosed(self, descriptor: int) -> None:
        with self.assertRaises(OSError):
            os.fstat(descriptor)

    def test_closedMeanwhile(self) -> None:
        """
        Where the connection is closed before its descriptor has been sent, what is sent
        is still this one, and not another one that has its number by now.
        """
        descriptor = self.send()
        self.leaving.loseConnection()
        another = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, another)
        sent = os.fstat(descriptor)
        self.assertTrue(os.path.samestat(sent, self.leaving.file))
        self.sender.dataReceived(b"-")
        self.assertEqual(self.leaving.kept, 0)
        self.assertClosed(descriptor)

    def test_answered(self) -> None:
        """
        It is closed when the other worker has answered.
        """
        descriptor = self.send()
        self.sender.dataReceived(b"+")
        self.assertClosed(descriptor)
        self.assertFalse(self.leaving.connected)

    def test_leaving(self) -> None:
        """
        Where this worker ends meanwhile, it waits for the answer: a request that was
        taken is not answered here, too.
        """
        self.send()
        self.handovers.close()
        self.assertFalse(self.transport.disconnecting)
        self.sender.dataReceived(b"+")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual((self.leaving.kept, self.leaving.connected), (0, False))

    def test_idle(self) -> None:
        """
        Where nothing is on its way, it leaves at once.
        """
        self.handovers.close()
        self.assertTrue(self.transport.disconnecting)

    def test_ended(self) -> None:
        """
        It is closed where the other worker is gone, and the connection is kept.
        """
        descriptor = self.send()
        self.sender.connectionLost()
        self.assertClosed(descriptor)
        self.assertEqual((self.leaving.kept, self.leaving.connected), (1, True))

    def test_silent(self) -> None:
        """
        It is closed where the other worker does not answer, and so is the connection.
        """
        descriptor = self.send()
        self.clock.advance(handover.TAKE_TIME)
        self.assertClosed(descriptor)
        self.assertEqual((self.leaving.kept, self.leaving.connected), (0, False))

    def test_none(self) -> None:
        """
        Where there are no descriptors left, the connection is kept.
        """

        def dup(descriptor: int) -> int:
            raise OSError(errno.EMFILE, "too many")

        self.patch(os, "dup", dup)
        leaving: Any = self.leaving
        self.sender.send(handover._Offer(leaving, leaving.refused), b"record")
        self.assertEqual(self.leaving.kept, 1)
        self.assertEqual(
            (self.transport.descriptors, self.transport.value()), ([], b"")
        )

"""Connections on which nothing is asked, when their worker ends."""

from __future__ import annotations

import errno
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.cluster.handing import HandoverCase, Member
from txsockjs.cluster import handover, workers


class IdleTests(HandoverCase):
    """
    A worker that ends: the first one, in whose slot there is another one.
    """

    async def idle(self, count: int) -> None:
        """
        Wait until nothing is asked on so many connections.
        """
        while len(handover.idleConnections(self.near.site)) != count:
            await deferLater(reactor, 0.01)

    async def drain(self) -> None:
        """
        Have it end; and wait until it serves nobody more.
        """
        self.patch(workers, "LINGER_TIME", 0.05)
        draining = attrs.evolve(self.near.slots.me, draining=True)
        for member in self.near, self.far:
            member.slots.update([draining, self.far.slots.me])
        await self.near.site.closeSessions()
        await self.near.site.leaveCluster()

    async def test_idle(self) -> None:
        """
        Connections on which nothing is asked go to a worker that goes on, whether
        something was asked on them before or not; it answers what is asked then. What
        has come of a request is not lost.
        """
        before, never, half = [await self.connect() for _ in range(3)]
        info = b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n"
        before.transport.write(info)
        half.transport.write(info[:9])
        await before.until(b"HTTP/1.1 200 ")
        await self.idle(3)
        self.far.site.idleTimes = 7.0, 1.0
        await self.drain()
        self.assertEqual((self.near.counters.handed, self.far.counters.adopted), (3, 3))
        # Each has the time of an idle connection there; one has begun to ask.
        adopted = handover.idleConnections(self.far.site)
        times = sorted(each.protocol.channel.timeOut for each in adopted)
        self.assertEqual(times, [7.0, 7.0, 60])
        self.assertEqual(handover.idleConnections(self.near.site), [])
        for talk, rest in (before, info), (never, info), (half, info[9:]):
            count = talk.received.count(b"HTTP/1.1 200 ")
            talk.transport.write(rest)
            await talk.until(b"HTTP/1.1 200 ", count + 1)
            self.assertFalse(talk.ended)
            self.assertNotIn(b"Connection: close", talk.received)

    async def test_meanwhile(self) -> None:
        """
        A request that comes while its connection is on its way is answered, once.
        """
        talk = await self.connect()
        await self.idle(1)
        hold = handover.holdIdle

        def holdIdle(transport: Any, site: Any) -> bytes | None:
            unread = hold(transport, site)
            # It has no time-out while nobody serves it.
            self.assertIs(transport.protocol.channel.timeOut, None)
            talk.post(f"{self.path}/xhr")
            return unread

        self.patch(handover, "holdIdle", holdIdle)
        await self.drain()
        await talk.until(b"\r\no\n")
        self.assertEqual(talk.received.count(b"HTTP/1.1 "), 1)
        self.assertEqual((len(self.near.sessions), len(self.far.sessions)), (0, 1))

    async def test_asked(self) -> None:
        """
        One on which something is asked stays, is told to close, and is answered.
        """
        talk = await self.connect()
        await self.idle(1)
        talk.transport.write(b"GET /info HTTP/1.1\r\nHost: a\r\n")
        await self.idle(0)
        left = Deferred.fromCoroutine(self.drain())
        talk.transport.write(b"\r\n")
        await talk.until(b"never")
        self.assertIn(b"HTTP/1.1 200 ", talk.received)
        self.assertIn(b"Connection: close", talk.received)
        await left
        self.assertEqual(self.near.counters.handed, 0)

    async def test_late(self) -> None:
        """
        One that comes while the worker waits for the last requests goes, too.
        """
        linger: Deferred[None] = Deferred()
        self.patch(workers, "deferLater", lambda clock, seconds: linger)
        left = Deferred.fromCoroutine(self.drain())
        talk = await self.connect()
        await self.idle(1)
        linger.callback(None)
        await left
        self.assertEqual(self.far.counters.adopted, 1)
        talk.transport.write(b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n")
        await talk.until(b"HTTP/1.1 200 ")

    async def test_asNew(self) -> None:
        """
        It is as though it had been accepted there: the first request that is for
        another worker has it handed over once more.
        """
        talk = await self.connect()
        await self.idle(1)
        await self.drain()
        newer = Member(self, 0, {})
        self.addCleanup(newer.stop)
        for member in self.far, newer:
            member.slots.update([newer.slots.me, self.far.slots.me])
        talk.post(f"{self.own}/xhr")
        await talk.until(b"\r\no\n")
        self.assertEqual(newer.counters.adopted, 1)

    async def test_many(self) -> None:
        """
        However many there are, all of them go.
        """
        self.patch(handover, "_AT_ONCE", 2)
        talks = [await self.connect() for _ in range(5)]
        await self.idle(5)
        await self.drain()
        self.assertEqual(self.far.counters.adopted, 5)
        for talk in talks:
            talk.transport.write(b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n")
            await talk.until(b"HTTP/1.1 200 ")

    async def test_notTaken(self) -> None:
        """
        Those that the other one does not take stay, and are served to the end.
        """

        def full(descriptor: int, family: int, site: object) -> None:
            raise OSError(errno.EMFILE, "too many")

        talk = await self.connect()
        await self.idle(1)
        self.patch(reactor, "adoptStreamConnection", full)
        left = Deferred.fromCoroutine(self.drain())
        talk.transport.write(b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n")
        await talk.until(b"never")
        self.assertIn(b"HTTP/1.1 200 ", talk.received)
        await left

    async def test_nobody(self) -> None:
        """
        Where all end, they stay where they are.
        """
        await self.connect()
        await self.idle(1)
        for member in self.near, self.far:
            member.slots.update(
                attrs.evolve(each.slots.me, draining=True)
                for each in (self.near, self.far)
            )
        await self.near.site.leaveCluster()
        self.assertEqual(self.near.counters.handed, 0)
        self.assertEqual(len(handover.idleConnections(self.near.site)), 1)

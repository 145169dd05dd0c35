"""What holds where a process hangs: the kernel goes on to take what it is sent."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.cluster.machines import MachinesCase
from tests.cluster.support import ClusterCase
from txsockjs.cluster.entrance import PeerChannel
from txsockjs.cluster.pulse import LOOK_TIME, LOOKS, QUESTION, Pulse

# Seconds within which whoever waits for a process that hangs is told.
TIME = LOOK_TIME * (LOOKS + 1)


class HungCase(ClusterCase):
    """
    :ivar hung: whether processes take what is passed on, and read none of it.
    :ivar asked: how often they were asked for a sign of life.
    """

    hung = False
    asked = 0

    def setUp(self) -> None:
        super().setUp()
        read = PeerChannel.dataReceived

        def dataReceived(channel: Any, data: bytes) -> None:
            self.asked += data == QUESTION
            if not self.hung:
                read(channel, data)

        self.patch(PeerChannel, "dataReceived", dataReceived)


class HungTests(HungCase):
    """
    A worker that hangs.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(2)
        self.client_ = self.at(self.workers[0])
        self.name = self.idOf(1)

    def post(self, transport: str, **kw: Any) -> Any:
        return self.client_.request("POST", f"/0/{self.name}/{transport}", **kw)

    def test_send(self) -> None:
        """
        A message for a session that is there gets 404, within some seconds.
        """
        self.post("xhr")
        self.hung = True
        response = self.post("xhr_send", body=b'["x"]')
        self.reactor.advance(LOOK_TIME * (LOOKS - 1))
        self.assertEqual(response.status, 0)
        self.reactor.advance(TIME - LOOK_TIME * (LOOKS - 1))
        self.assertEqual(response.status, 404)

    def test_poll(self) -> None:
        """
        So does a poll that waits already; the client connects again.
        """
        self.post("xhr")
        poll = self.post("xhr")
        self.reactor.advance(LOOK_TIME / 2)
        self.hung = True
        self.reactor.advance(TIME)
        self.assertEqual(poll.status, 404)

    def test_stream(self) -> None:
        """
        A stream breaks off, and its client can see that it is not complete.
        """
        stream = self.post("xhr_streaming")
        self.assertTrue(stream.body.endswith(b"o\n"))
        self.hung = True
        self.reactor.advance(TIME)
        self.assertTrue(stream.connection.closed)
        self.assertFalse(stream.finished)

    def test_begins(self) -> None:
        """
        What would begin a session there is not left without an answer either.
        """
        self.hung = True
        response = self.post("xhr")
        self.reactor.advance(TIME)
        self.assertEqual(response.status, 404)

    def test_again(self) -> None:
        """
        A process that goes on is passed requests again.
        """
        self.post("xhr")
        self.hung = True
        self.post("xhr_send", body=b'["x"]')
        self.reactor.advance(TIME)
        self.hung = False
        self.name = self.idOf(1, "other")
        self.assertEqual(self.post("xhr").status, 200)
        self.assertEqual(self.post("xhr_send", body=b'["x"]').status, 204)

    def test_quiet(self) -> None:
        """
        One that has nothing to say is asked, and is not taken to hang: a poll waits for
        as long as it likes. No answer goes to anybody else.
        """
        self.post("xhr")
        poll = self.post("xhr")
        self.reactor.advance(24)
        self.assertEqual(poll.status, 0)
        self.workers[1].sessions[0].transport.write(b"x")
        self.reactor.advance(1)
        self.assertEqual(poll.body, b'a["x"]\n')
        # Between two questions there is a look at which the answer was heard.
        self.assertLessEqual(self.asked, 24 / LOOK_TIME / 2 + 1)
        self.assertGreater(self.asked, 2)
        self.assertEqual(self.workers[0].cluster.counters.refused, {})

    def test_nothingWaits(self) -> None:
        """
        One that nobody waits for is asked nothing, and no timer is left.
        """
        self.post("xhr")
        self.hung = True
        self.reactor.advance(LOOK_TIME)
        passed = self.workers[0].cluster._router._pools
        self.assertEqual([pool.pulse._timer for pool in passed.values()], [None])


class HungMachineTests(HungCase, MachinesCase):
    """
    A process on another machine that hangs.
    """

    def test_hangs(self) -> None:
        """
        A message gets 404 before its lease is over; after that, nobody is asked.
        """
        self.begin(2)
        here, there = (self.at(each) for each in self.workers)
        there.request("POST", "/0/one/xhr")
        poll = here.request("POST", "/0/one/xhr")
        self.hung = True
        send = here.request("POST", "/0/one/xhr_send", body=b'["x"]')
        self.reactor.advance(TIME)
        self.assertEqual((poll.status, send.status), (404, 404))
        me = self.workers[1].cluster._directory.me  # type: ignore[attr-defined]
        self.redis.kept.pop(b"sockjs:cluster:process:" + me)
        self.assertEqual(here.request("POST", "/0/one/xhr").status, 404)

    def test_question(self) -> None:
        """
        The question needs no signature, and is answered with nothing; nothing else is.
        """
        self.begin(2)
        port = self.at(self.workers[0])
        port.site = self.ports.sites["machine1:7000"]
        answer = port.request("OPTIONS", "*")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(port.request("GET", "*").status, 401)
        self.assertEqual(port.request("OPTIONS", "/info").status, 401)


class PulseTests(SynchronousTestCase):
    """
    `Pulse`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.busy = True
        self.told: list[str] = []
        self.pulse = Pulse(
            self.clock,
            lambda: self.busy,
            lambda: self.told.append("ask"),
            lambda: self.told.append("hung"),
        )
        self.pulse.start()

    def test_order(self) -> None:
        """
        It asks once, and waits for the answer for some time.
        """
        self.clock.pump([LOOK_TIME] * (LOOKS - 1))
        self.assertEqual(self.told, ["ask"])
        self.clock.advance(LOOK_TIME)
        self.assertEqual(self.told, ["ask", "hung"])

    def test_answered(self) -> None:
        """
        Any word will do.
        """
        self.clock.pump([LOOK_TIME] * (LOOKS - 1))
        self.pulse.heard = True
        self.clock.pump([LOOK_TIME] * LOOKS)
        self.assertEqual(self.told, ["ask", "ask"])

    def test_late(self) -> None:
        """
        A look that comes late, since this process was stopped, counts for nothing: the
        answer may be there, and is to be read first.
        """
        self.clock.pump([LOOK_TIME] * (LOOKS - 1))
        self.clock.advance(60)
        self.assertEqual(self.told, ["ask"])
        self.clock.advance(LOOK_TIME)
        self.assertEqual(self.told, ["ask", "hung"])

    def test_ends(self) -> None:
        """
        It goes on until nothing is waited for, and begins anew then.
        """
        self.clock.advance(LOOK_TIME)
        self.busy = False
        self.clock.advance(LOOK_TIME)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.busy = True
        self.pulse.start()
        self.pulse.start()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(LOOK_TIME)
        self.assertEqual(self.told, ["ask", "ask"])

"""Tests for `txsockjs.core.session`: the disconnect delay, heartbeats, one timer."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost

from tests.support.sessions import GO_AWAY, SessionTestCase, close, polling, socket
from txsockjs.core.session import Session
from txsockjs.core.states import State
from txsockjs.testing import MemoryReceiver


class DisconnectDelayTests(SessionTestCase):
    """
    Without a receiver for the delay, the session is lost. (PROTOCOL 6.4)
    """

    def test_lost(self) -> None:
        """
        The session is lost when the delay is over, and not before.
        """
        session, _ = self.open(polling())
        self.clock.advance(4.999)
        self.assertIs(State.OPEN, session.state)
        self.clock.advance(0.001)
        self.assertLost(ConnectionLost)
        self.assertIsNone(self.service.byId.get(b"s"))
        self.assertIdle()

    def test_option(self) -> None:
        """
        The option ``timeout`` sets the delay.
        """
        self.configure(timeout=0.5)
        session, _ = self.open(polling())
        self.clock.advance(0.5)
        self.assertIs(State.GONE, session.state)

    def test_eachReceiverStartsItAnew(self) -> None:
        """
        The delay counts from the last receiver's end.
        """
        session, _ = self.open(polling())
        for _ in range(5):
            self.clock.advance(4)
            receiver = self.attach(session, polling())
            self.clock.advance(10)
            self.send(session, "x")
            self.turn()
            self.assertFrames(receiver, b'a["x"]')
        self.clock.advance(4.9)
        self.assertLost()
        self.clock.advance(0.2)
        self.assertLost(ConnectionLost)

    def test_notWithAReceiver(self) -> None:
        """
        A receiver with nothing to take is a receiver.
        """
        self.configure(heartbeat=None)
        session, _ = self.open()
        self.clock.advance(1000)
        self.assertIs(State.OPEN, session.state)

    def test_countsFromDelivery(self) -> None:
        """
        The delay does not run while bytes of the last response still wait here.
        """
        receiver = polling()
        session, _ = self.open(receiver)
        receiver.pending = 100
        for _ in range(20):
            receiver.pending -= 1
            self.clock.advance(5)
        self.assertIs(State.OPEN, session.state)
        receiver.pending = 0
        self.clock.pump([5, 5])
        self.assertLost(ConnectionLost)
        self.assertIdle()

    def test_wholeDelayAfterDelivery(self) -> None:
        """
        Whenever the last byte has left, the whole delay is left to come again.
        """
        for delivered in (4.9, 5.1, 9.9, 23):
            self.configure()
            receiver = polling()
            receiver.pending = 100
            session, _ = self.open(receiver)
            for _ in range(int(delivered)):
                receiver.pending -= 1
                self.clock.advance(1)
            self.clock.advance(delivered % 1)
            receiver.pending = 0
            self.clock.pump([1, 1, 1, 1, 0.9])
            self.assertFrames(self.attach(session, polling()))
            self.assertIs(State.OPEN, session.state, delivered)
            session.abort()

    def test_neverDelivered(self) -> None:
        """
        Bytes that do not move, as those of a connection that is gone, hold up the end
        of the session for five delays and not for ever.
        """
        receiver = polling()
        receiver.pending = 100
        self.open(receiver)
        self.clock.pump([1] * 24)
        self.assertLost()
        self.clock.advance(1)
        self.assertLost(ConnectionLost)
        self.assertIdle()

    def test_behindAProxy(self) -> None:
        """
        A proxy may hold what a response carried: for what is beyond 16 KiB its client
        has the time of a line of 8 KiB a second, up to half a minute.
        """
        for carried, more in (
            (100, 0),
            (16384, 0),
            (65536, 6),
            (262144, 30),
            (10**7, 30),
        ):
            self.configure()
            receiver = polling()
            receiver.carried = carried
            session, _ = self.open(receiver)
            self.clock.pump([1] * (4 + more))
            self.assertIs(State.OPEN, session.state, carried)
            self.clock.advance(1)
            self.assertIs(State.GONE, session.state, carried)

    def test_cut(self) -> None:
        """
        What is lost with its connection, no proxy holds: only the delay is waited for,
        from when that is seen.
        """
        for cut, more in ((False, 30), (True, 0)):
            self.configure()
            receiver = polling()
            receiver.carried = 10**7
            receiver.pending = 100
            session, _ = self.open(receiver)
            self.clock.pump([1, 1])
            receiver.pending, receiver.cut = 0, cut
            self.clock.pump([1] * (7 + more))
            self.assertIs(State.OPEN, session.state)
            self.clock.advance(1)
            self.assertIs(State.GONE, session.state)

    def test_slowThenGone(self) -> None:
        """
        Whenever a client stops taking, it is lost five delays after that, or six, as
        looks are a delay apart.
        """
        for stops in range(1, 12):
            self.configure()
            receiver = polling()
            receiver.pending = 100
            session, _ = self.open(receiver)
            for _ in range(stops):
                self.clock.advance(1)
                receiver.pending -= 1
            self.clock.pump([1] * 24)
            self.assertIs(State.OPEN, session.state, stops)
            self.clock.pump([1] * 6)
            self.assertIs(State.GONE, session.state, stops)

    def test_limitReached(self) -> None:
        """
        A streaming response that ends at its limit starts the delay.
        """
        session, _ = self.open(MemoryReceiver(2))
        self.clock.advance(3)
        self.send(session, "x")
        self.turn()
        self.clock.advance(4.9)
        self.assertLost()
        self.clock.advance(0.1)
        self.assertLost(ConnectionLost)


class HeartbeatTests(SessionTestCase):
    """
    A frame after 25 s of silence. (PROTOCOL section 5)
    """

    def test_silence(self) -> None:
        """
        A receiving connection gets a heartbeat after each 25 s of silence.
        """
        _, receiver = self.open()
        self.clock.advance(24.9)
        self.assertFrames(receiver, b"o")
        self.clock.advance(0.1)
        self.assertFrames(receiver, b"o", b"h")
        self.clock.advance(25)
        self.assertFrames(receiver, b"o", b"h", b"h")

    def test_notInTraffic(self) -> None:
        """
        A frame puts the heartbeat off by the whole interval.
        """
        session, receiver = self.open()
        self.clock.advance(20)
        self.send(session, "x")
        self.turn()
        self.clock.advance(24.9)
        self.assertFrames(receiver, b"o", b'a["x"]')
        self.clock.advance(0.1)
        self.assertFrames(receiver, b"o", b'a["x"]', b"h")

    def test_endsAPoll(self) -> None:
        """
        A polling response ends with the heartbeat, and the client comes again.
        """
        session, _ = self.open(polling())
        receiver = self.attach(session, polling())
        self.clock.advance(25)
        self.assertFrames(receiver, b"h")
        self.clock.advance(4.9)
        self.assertFrames(self.attach(session, polling()))
        self.assertLost()

    def test_option(self) -> None:
        """
        The option ``heartbeat`` sets the interval.
        """
        self.configure(heartbeat=2)
        _, receiver = self.open()
        self.clock.advance(2)
        self.assertFrames(receiver, b"o", b"h")

    def test_none(self) -> None:
        """
        Without heartbeats, an open stream needs no timer at all.
        """
        self.configure(heartbeat=0)
        _, receiver = self.open()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.clock.advance(1000)
        self.assertFrames(receiver, b"o")

    def test_shorterThanTheDelay(self) -> None:
        """
        An interval below the disconnect delay is kept after a poll too.
        """
        self.configure(heartbeat=1, timeout=5)
        session, _ = self.open(polling())
        self.clock.advance(1.5)
        receiver = self.attach(session, MemoryReceiver())
        self.clock.advance(1)
        self.assertFrames(receiver, b"h")

    def test_notBetweenPolls(self) -> None:
        """
        Without a receiver there is nobody to send a heartbeat to.
        """
        self.configure(heartbeat=1, timeout=5)
        session, _ = self.open(polling())
        self.clock.pump([1, 1, 1])
        receiver = self.attach(session, polling())
        self.assertFrames(receiver)

    def test_full(self) -> None:
        """
        A receiver that is full gets no heartbeat: it has more than enough to take.
        """
        receiver = MemoryReceiver()
        receiver.pause()
        self.open(receiver)
        receiver.pending = 1000
        self.clock.advance(25)
        receiver.pending = 900
        self.clock.advance(25)
        self.assertFrames(receiver, b"o")
        self.assertFalse(receiver.aborted)

    def test_stuck(self) -> None:
        """
        A peer that has taken no byte for a whole interval is given up.
        """
        receiver = MemoryReceiver()
        receiver.pause()
        session, _ = self.open(receiver)
        receiver.pending = 1000
        self.clock.pump([25, 25])
        self.assertTrue(receiver.aborted)
        self.assertLost(ConnectionLost)
        self.assertIs(State.GONE, session.state)
        self.assertIdle()


class PingTests(SessionTestCase):
    """
    A WebSocket whose peer says nothing is asked for a sign of life.
    """

    def test_silentPeer(self) -> None:
        """
        A peer that does not answer within the interval is given up.
        """
        session, receiver = self.open(socket())
        self.clock.advance(25)
        self.assertEqual(1, receiver.pings)
        self.clock.advance(24.9)
        self.assertIs(State.OPEN, session.state)
        self.clock.advance(0.1)
        self.assertTrue(receiver.aborted)
        self.assertLost(ConnectionLost)
        self.assertIdle()

    def test_answer(self) -> None:
        """
        A peer that answers is asked again, not given up.
        """
        session, receiver = self.open(socket())
        for _ in range(3):
            self.clock.advance(25)
            receiver.heard = True
            self.clock.advance(25)
        self.assertIs(State.OPEN, session.state)
        self.assertEqual(3, receiver.pings)

    def test_talkativePeer(self) -> None:
        """
        A peer that sends of its own accord is not asked.
        """
        _, receiver = self.open(socket())
        for _ in range(4):
            receiver.heard = True
            self.clock.advance(25)
        self.assertEqual(0, receiver.pings)

    def test_questionStillHere(self) -> None:
        """
        The time to answer counts from when the question has left.
        """
        session, receiver = self.open(socket())
        self.clock.advance(25)
        for pending in (300, 200, 100):
            receiver.pending = pending
            self.clock.advance(25)
        self.assertIs(State.OPEN, session.state)
        receiver.pending = 0
        self.clock.advance(25)
        self.assertIs(State.OPEN, session.state)
        self.clock.advance(25)
        self.assertIs(State.GONE, session.state)

    def test_notOverHTTP(self) -> None:
        """
        An HTTP response cannot be answered, so nobody is asked.
        """
        _, receiver = self.open()
        self.clock.pump([25] * 4)
        self.assertEqual(0, receiver.pings)
        self.assertFalse(receiver.finished)


class OneTimerTests(SessionTestCase):
    """
    One timer a session, armed lazily.
    """

    def timers(self) -> int:
        """
        How many delayed calls there are.
        """
        return len(self.clock.getDelayedCalls())

    def test_one(self) -> None:
        """
        However many frames and receivers there were, there is one timer.
        """
        session, _ = self.open(polling())
        for _ in range(20):
            self.clock.advance(0.1)
            self.attach(session, polling())
            self.send(session, "x")
            self.turn()
            self.assertEqual(1, self.timers())

    def test_lazy(self) -> None:
        """
        A frame does not touch the timer; when it fires too early, it sleeps on.
        """
        session, receiver = self.open()
        (timer,) = self.clock.getDelayedCalls()
        for _ in range(24):
            self.clock.advance(1)
            self.send(session, "x")
            self.turn()
            self.assertEqual([timer], list(self.clock.getDelayedCalls()))
        self.clock.advance(1)
        (again,) = self.clock.getDelayedCalls()
        self.assertEqual(49, again.getTime())
        self.assertNotIn(b"h", receiver.frames)

    def test_lazyPolls(self) -> None:
        """
        Neither does a poll: a timer that fires sooner than it has to will do.
        """
        session, _ = self.open(polling())
        (timer,) = self.clock.getDelayedCalls()
        for _ in range(4):
            self.clock.advance(1)
            self.attach(session, polling())
            self.send(session, "x")
            self.turn()
            self.assertEqual([timer], list(self.clock.getDelayedCalls()))

    def test_noneLeft(self) -> None:
        """
        However a session ends, its timer ends with it.
        """

        def drop(session: Session, receiver: MemoryReceiver) -> None:
            receiver.drop()

        def abort(session: Session, receiver: MemoryReceiver) -> None:
            session.abort()

        def closeAndWait(session: Session, receiver: MemoryReceiver) -> None:
            session.close(close())
            self.turn()
            self.clock.advance(5)

        for end in (drop, abort, closeAndWait):
            self.configure()
            end(*self.open())
            self.turn()
            self.assertIdle()

    def test_closeFrameIsNoHeartbeat(self) -> None:
        """
        A closed session sends no heartbeat while its close frame is on its way.
        """
        self.configure(heartbeat=1, timeout=5)
        session, receiver = self.open()
        session.close(close())
        self.turn()
        receiver.pending = 10
        self.clock.pump([1] * 4)
        self.assertFrames(receiver, b"o", GO_AWAY)
        self.assertLost(ConnectionDone)

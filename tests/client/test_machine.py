"""A client's session under anything that may happen, in any order: a state machine.

The carrier and the application do what Hypothesis says, also from inside the calls that
are made to them.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import ScriptedCarrier, ScriptedWeb
from txsockjs.client.place import Place, Settings
from txsockjs.client.session import ClientSession
from txsockjs.client.states import State
from txsockjs.client.transport import ClientTransport
from txsockjs.errors import SessionClosed, SessionFailed

#: What the application may do when it is called, or any time. Ends are rare: most that
#: can go wrong needs a session that is there.
ANSWERS = st.sampled_from(
    ("nothing", "write", "pause", "frame", "fill", "drain") * 4 + ("close", "abort")
)

#: What it does in the calls that follow.
THEN = st.lists(ANSWERS, max_size=4)

#: What the server may say beside messages.
FRAMES = st.sampled_from(
    ("h", "junk") * 5 + ('c[3000,"Bye"]', 'c[1002,"Oh"]', "o"),
)

RARELY = st.integers(0, 9).map(lambda number: number == 9)


class Carrier(ScriptedCarrier):
    """
    A carrier whose network is as slow as the machine likes, and which calls back from
    inside a call of the session's.
    """

    def __init__(self, session: Any, place: Place) -> None:
        super().__init__(session, place)
        self.quick = False
        # Whether the network takes what it is given at once, and says so.
        self.greedy = False

    def send(self, message: str | bytes) -> None:
        super().send(message)
        if self.greedy:
            self.session.carrierDrained()
        else:
            self.pending += len(message)


class Application(Protocol):
    """
    Does in each call what the machine has said.
    """

    transport: Any = None

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._inside = False

    def _called(self, what: str, call: Any = lambda: None) -> None:
        if self._inside:
            self._machine.wrong.append(f"{what} from inside another call")
        if self._machine.lost:
            self._machine.wrong.append(f"{what} behind the end")
        self._inside = True
        call()
        self._machine.answer()
        self._inside = False

    def connectionMade(self) -> None:
        self._called("connectionMade")

    def dataReceived(self, data: bytes) -> None:
        if self._machine.paused:
            self._machine.wrong.append("a message for who has paused")
        if self._machine.deaf:
            self._machine.wrong.append("a message for who has closed")
        self._called("message", lambda: self._machine.heard.append(data.decode()))

    def connectionLost(self, reason: Any = None) -> None:
        self._called("connectionLost", lambda: None)
        self._machine.lost.append(reason.value)

    # As a producer

    def pauseProducing(self) -> None:
        self._machine.producing = False

    def resumeProducing(self) -> None:
        self._called("resumeProducing")
        self._machine.producing = True

    def stopProducing(self) -> None:
        self._machine.producing = False


class Machine(RuleBasedStateMachine):
    """
    What a session may meet, and what must hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        place = Place(
            "http://a/0/s",
            ScriptedWeb(),
            self.clock,
            Settings(heartbeat=0, max_buffer=50_000),
        )
        self.session = ClientSession(place)
        self.carrier = Carrier(self.session, place)
        self.application = Application(self)
        # What the application was told that it should not have been.
        self.wrong: list[str] = []
        self.heard: list[str] = []
        self.lost: list[Any] = []
        # What came in while the session was open, and what was written then.
        self.said: list[str] = []
        self.written: list[str] = []
        self.number = 0
        self.paused = self.deaf = self.gone = False
        self.producing = True
        self.answers: list[str] = []
        self.opening = self.session.open(self.carrier)
        self.opening.addCallbacks(self.opened, lambda reason: None)

    def opened(self, result: None) -> None:
        self.session.attach(
            ClientTransport(
                self.session, self.application, "utf-8", self.carrier, "websocket"
            )
        )

    @property
    def transport(self) -> Any:
        return self.application.transport

    # What the application does

    def answer(self) -> None:
        if self.answers:
            self.act(self.answers.pop(0))

    def act(self, what: str) -> None:
        transport = self.transport
        if what == "write":
            self.write("x")
        elif what == "fill":
            self.write("x" * 20_000)
        elif what == "pause":
            self.paused = True
            transport.pauseProducing()
        elif what == "close":
            # Else it is closed behind what the producer has to give.
            transport.unregisterProducer()
            self.deaf = True
            transport.loseConnection()
        elif what == "abort":
            self.deaf = True
            transport.abortConnection()
        elif what == "frame":
            self.frame(2)
        elif what == "drain":
            self.drain()

    def write(self, text: str) -> None:
        self.number += 1
        text = f"{self.number} {text}"
        if self.session.state is State.OPEN:
            self.written.append(text)
        self.transport.sendMessage(text)

    # What happens

    @rule(greedy=st.booleans())
    def network(self, greedy: bool) -> None:
        self.carrier.greedy = greedy and not self.carrier.pending

    @initialize(late=RARELY, answers=THEN)
    def begin(self, late: bool, answers: list[str]) -> None:
        self.answers = answers
        if not late:
            self.open()

    @precondition(lambda self: not self.gone)
    @rule()
    def open(self) -> None:
        if self.session.state is State.CONNECTING:
            self.carrier.say("o")

    @precondition(lambda self: not self.gone)
    @rule(count=st.integers(0, 5), answers=THEN)
    def comes(self, count: int, answers: list[str]) -> None:
        self.answers = answers
        self.frame(count)

    def frame(self, count: int) -> None:
        texts = []
        for _ in range(count):
            self.number += 1
            texts.append(str(self.number))
        if self.gone:
            return
        if self.session.state is State.OPEN:
            self.said += texts
        self.carrier.say(f"a{json.dumps(texts)}")

    @precondition(lambda self: not self.gone)
    @rule(frame=FRAMES)
    def special(self, frame: str) -> None:
        if frame != "o" or self.session.state is not State.CONNECTING:
            self.carrier.say(frame)

    @precondition(lambda self: not self.gone)
    @rule(answers=THEN)
    def takes(self, answers: list[str]) -> None:
        self.answers = answers
        self.drain()

    def drain(self) -> None:
        if not self.gone:
            self.carrier.drain()

    @precondition(lambda self: not self.gone)
    @rule(
        rarely=RARELY,
        error=st.sampled_from(
            [ConnectionDone(), ConnectionAborted(), SessionClosed(), OSError("x")]
        ),
    )
    def breaks(self, rarely: bool, error: Exception) -> None:
        if rarely:
            self.lose(error)

    def lose(self, error: Exception) -> None:
        self.gone = True
        self.carrier.lose(error)

    @rule(seconds=st.sampled_from([0, 0, 1]), answers=THEN)
    def turn(self, seconds: float, answers: list[str]) -> None:
        self.answers = answers
        self.clock.advance(seconds)

    @precondition(lambda self: self.transport is not None)
    @rule(what=ANSWERS)
    def do(self, what: str) -> None:
        self.act(what)

    @precondition(lambda self: self.transport is not None)
    @rule()
    def resume(self) -> None:
        self.paused = False
        self.transport.resumeProducing()

    @precondition(lambda self: self.transport is not None)
    @rule(streaming=st.booleans())
    def produce(self, streaming: bool) -> None:
        # What a producer does where it registers is inside a call of the application's.
        self.answers = []
        if self.transport._producer is None:
            self.transport.registerProducer(self.application, streaming)
        else:
            self.transport.unregisterProducer()

    @precondition(lambda self: self.transport is None)
    @rule()
    def cancel(self) -> None:
        self.opening.cancel()

    # What holds

    @invariant()
    def order(self) -> None:
        """
        What is delivered is what came in, from the first on, each once, to who can take
        it.
        """
        assert not self.wrong, self.wrong
        assert self.heard == self.said[: len(self.heard)]

    @invariant()
    def carried(self) -> None:
        """
        What was written while it was open is carried, in order, at once.
        """
        assert self.carrier.sent == self.written

    @invariant()
    def once(self) -> None:
        """
        The end is told once, with what kind of end it was.
        """
        assert len(self.lost) < 2
        if self.lost:
            assert self.gone
            kinds = SessionClosed, SessionFailed, ConnectionAborted
            assert isinstance(self.lost[0], kinds), self.lost

    def teardown(self) -> None:
        """
        When nothing more happens, all is told, and nothing is left.
        """
        self.answers = []
        if self.transport is not None and self.paused:
            self.resume()
        for _ in range(5):
            self.clock.advance(1)
        self.order()
        if self.session.state is State.OPEN:
            assert self.heard == self.said
        if not self.gone:
            self.lose(ConnectionDone())
        for _ in range(5):
            self.clock.advance(1)
        if not self.deaf and self.transport is not None:
            assert self.heard == self.said
        assert len(self.lost) == (self.transport is not None)
        assert self.session.state is State.OVER
        assert self.session.gone.called
        assert self.clock.getDelayedCalls() == []


class MachineTests(SynchronousTestCase):
    def test_anything(self) -> None:
        """
        Whatever happens, messages stay in order, and the end is told once.
        """
        run_state_machine_as_test(
            Machine,
            settings=settings(
                derandomize=True,
                deadline=None,
                max_examples=100,
                stateful_step_count=50,
            ),
        )
        self.assertEqual(self.flushLoggedErrors(), [])

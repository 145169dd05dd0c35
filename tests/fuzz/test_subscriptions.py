"""Channels that are asked for, answered at any time, against what each has to get."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.fuzz import examples
from tests.support.multiplexing import MultiplexTestCase, NoteFactory
from txsockjs.multiplex import SockJSMultiplexResource

TOPICS = "ab"


class Listener(Protocol):
    """Pauses when it is told to, and has its factory know."""

    transport: Any = None
    factory: Any

    def __init__(self) -> None:
        self.received: list[str] = []
        self.paused = False
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        assert not self.paused
        assert not self.lost
        self.received.append(data.decode())
        if data.endswith(b"pause"):
            self.paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        self.paused = False
        self.transport.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True


class LateResource(SockJSMultiplexResource):
    """Answers when it is told to."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.listeners = NoteFactory(Listener)
        self.questions: list[Deferred[Any]] = []

    def subscribe(self, connection: Any, name: str) -> Any:
        question: Deferred[Any] = Deferred()
        self.questions.append(question)
        return question


#: What the client sends; and what the server does: a question is answered with yes or
#: no, a listener reads on, time passes. Drawn so that much is held, and then delivered.
KINDS = [*["sub"] * 3, *["msg"] * 8, *["pause"] * 3, "uns", *["yes"] * 2, "no"]
KINDS += ["resume"] * 3 + ["settle"] * 2
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(TOPICS), st.integers(0, 5)),
    min_size=8,
    max_size=40,
)


class SubscriptionTests(MultiplexTestCase):
    """One session, of which nothing is lost, doubled or out of order."""

    resource = LateResource
    service: Any

    def step(
        self, session: Any, number: int, what: str, topic: str, which: int
    ) -> None:
        """Do one thing."""
        service = self.service
        if what in ("sub", "uns"):
            session.send(f"{what},{topic}")
        elif what in ("msg", "pause"):
            session.send(f"msg,{topic},{number} {what}")
        elif what in ("yes", "no"):
            waiting = [each for each in service.questions if not each.called]
            if waiting:
                answer = service.listeners if what == "yes" else None
                waiting[which % len(waiting)].callback(answer)
        elif what == "resume":
            paused = [each for each in service.listeners.notes if each.paused]
            if paused:
                paused[which % len(paused)].resume()
        else:
            self.reactor.settle()

    def finish(self) -> None:
        """Answer all that is asked, and have everybody read on, until nothing is left
        to do."""
        for _ in range(200):
            self.reactor.settle()
            waiting = [each for each in self.service.questions if not each.called]
            paused = [
                n for n in self.service.listeners.notes if n.paused and not n.lost
            ]
            if not waiting and not paused:
                return
            for question in waiting:
                question.callback(self.service.listeners)
            for listener in paused:
                listener.resume()
        self.fail("there is no end of it")

    @examples()
    @given(steps=STEPS)
    def test_order(self, steps: list[tuple[str, str, int]]) -> None:
        """Each channel gets the messages of one time that it was open, all of them but
        for those behind its end, in order; then the session serves on."""
        session = self.session()
        service = self.service
        service.questions.clear()
        service.listeners.notes.clear()
        steps = [("sub", "a", 0), ("sub", "b", 0), *steps]
        for number, step in enumerate(steps):
            self.step(session, number, *step)
        self.finish()
        sent = [f"{number} {step[0]}" for number, step in enumerate(steps)]
        topics = {sent[number]: step[1] for number, step in enumerate(steps)}
        heard: list[str] = []
        for listener in service.listeners.notes:
            self.assertLessEqual(len({topics[m] for m in listener.received}), 1)
            places = [sent.index(message) for message in listener.received]
            self.assertEqual(places, sorted(places))
            if places:
                # Nothing is left out between its first and its last, or behind that
                # where it is still open.
                end = places[-1] + 1 if listener.lost else len(steps)
                topic = topics[listener.received[0]]
                between = [
                    sent[n]
                    for n in range(places[0], end)
                    if steps[n][1] == topic and steps[n][0] in ("msg", "pause")
                ]
                self.assertEqual(listener.received, between)
            heard += listener.received
        self.assertEqual(len(heard), len(set(heard)))
        for topic in TOPICS:
            session.send(f"uns,{topic}", f"sub,{topic}", f"msg,{topic},last")
            self.finish()
            self.assertEqual(service.listeners.notes[-1].received, ["last"])
        session.abort()
        self.reactor.settle()
        multiplex = service.multiplex
        left = (multiplex._channels, multiplex._asking, multiplex._factories.keys())
        self.assertEqual(left, ({}, {}, {"note", "echo"}))

"""Tests for `txsockjs.command.conversation`: a session and its console, in memory."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.command.memory import MemoryEndpoint, MemoryTransport
from txsockjs.command import connect
from txsockjs.command.connect import Connect
from txsockjs.command.conversation import Conversation
from txsockjs.command.endings import CommandError
from txsockjs.command.rendering import JSONLines, Rendering
from txsockjs.errors import SessionClosed, SessionFailed, SockJSError


class MemoryConsole:
    """
    A console whose input a test types.
    """

    def __init__(self) -> None:
        self.shown = ""
        self.conversation: Any = None
        self.finished: Deferred[None] = Deferred()
        self.dropped = False

    def start(self, conversation: Conversation) -> None:
        self.conversation = conversation

    def show(self, text: str) -> None:
        self.shown += text

    def finish(self) -> Deferred[None]:
        if not self.finished.called:
            self.finished.callback(None)
        return self.finished

    def drop(self) -> None:
        self.dropped = True


class TurnClock(Clock):
    """
    A clock that makes its calls as a reactor does: those that are added meanwhile wait
    for the next turn, and for what is read before it.
    """

    def advance(self, amount: float) -> None:
        self.rightNow += amount
        due = [call for call in self.calls if call.getTime() <= self.rightNow]
        for call in due:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


class ConnectCase(SynchronousTestCase):
    """
    ``txsockjs connect`` with a service in memory, which it takes a quarter of a second
    to or from.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = MemoryEndpoint(self.clock)
        self.console = MemoryConsole()
        self.said: list[str] = []
        self.patch(
            connect, "say", lambda prog, line: self.said.append(f"{prog}: {line}")
        )

    def begin(self, rendering: Rendering | None = None) -> None:
        """
        Begin to connect.
        """
        self.job = Connect(self.endpoint, "txsockjs connect")
        self.job.conversation = Conversation(
            self.clock, self.console, rendering or Rendering(), 1.0
        )
        self.outcome = self.job.start()

    def open(self, rendering: Rendering | None = None) -> MemoryTransport:
        """
        Connect.
        """
        self.begin(rendering)
        self.run_(0.3)
        [transport] = self.endpoint.transports
        return transport

    def run_(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)

    def assertStatus(self, status: int, *said: str) -> None:
        """
        It has ended so, and this was said on standard error.
        """
        self.assertEqual(self.successResultOf(self.outcome), status)
        self.assertEqual(self.said, [f"txsockjs connect: {line}" for line in said])
        self.run_(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TalkTests(ConnectCase):
    """
    What goes out and what comes in.
    """

    def test_talk(self) -> None:
        """
        What is typed is sent, and what comes in is shown.
        """
        transport = self.open()
        self.console.conversation.say("hello")
        transport.receive("good day")
        self.assertEqual(self.console.shown, "good day\n")
        self.run_(1)
        self.assertEqual(self.console.shown, "good day\nhello\n")
        self.assertEqual(transport.sent, ["hello"])

    def test_events(self) -> None:
        """
        As JSON, the opening and the end are shown too, with what is between in order.
        """
        transport = self.open(JSONLines(lambda: 0.0))
        self.console.conversation.say("hello")
        self.run_(1)
        transport.lose(SessionClosed(4000, "Enough"))
        events = [json.loads(line) for line in self.console.shown.splitlines()]
        self.assertEqual(
            [(each["event"], each.get("direction")) for each in events],
            [("open", None), ("message", "out"), ("message", "in"), ("close", None)],
        )
        self.assertEqual((events[-1]["code"], events[-1]["reason"]), (4000, "Enough"))

    def test_lost(self) -> None:
        """
        An end without a code has none in JSON.
        """
        transport = self.open(JSONLines(lambda: 0.0))
        transport.lose(ConnectionLost("broken"))
        self.assertIsNone(json.loads(self.console.shown.splitlines()[-1])["code"])


class EndTests(ConnectCase):
    """
    How it ends.
    """

    def test_inputEnded(self) -> None:
        """
        When the input has ended, answers are waited for, until none has come for a
        second since all was delivered; then the session is closed, and nothing is said.
        """
        transport = self.open()
        self.console.conversation.say("a")
        self.console.conversation.say("b")
        self.console.conversation.inputEnded()
        self.run_(1.2)
        transport.receive("late")
        self.run_(0.9)
        self.assertEqual(transport.closes, [])
        self.run_(0.2)
        self.assertEqual(transport.closes, [(1000, "")])
        self.run_(0.3)
        self.assertEqual(self.console.shown, "a\nb\nlate\n")
        self.assertStatus(0)

    def test_undelivered(self) -> None:
        """
        It does not begin to wait before all is delivered, however long that takes.
        """
        transport = self.open()
        self.endpoint.latency = 5.0
        self.console.conversation.say("a")
        self.console.conversation.inputEnded()
        self.run_(4.9)
        self.assertEqual(transport.closes, [])
        self.run_(1.3)
        self.assertEqual(transport.closes, [(1000, "")])

    def test_heldUp(self) -> None:
        """
        Where the process was held up meanwhile, what is there to be read is read before
        it is decided that nothing has come.
        """
        self.clock = TurnClock()
        self.endpoint = MemoryEndpoint(self.clock)
        transport = self.open()
        self.console.conversation.inputEnded()
        self.clock.advance(60)
        transport.receive("there already")
        self.run_(0.9)
        self.assertEqual(transport.closes, [])
        self.run_(0.2)
        self.assertEqual(transport.closes, [(1000, "")])

    def test_closed(self) -> None:
        """
        The server's code and reason are said, and are in the exit status.
        """
        self.open().lose(SessionClosed(4001, "Go home"))
        self.assertStatus(4, "closed: 4001 Go home")

    def test_closedFine(self) -> None:
        """
        They are said, too, where that is fine.
        """
        self.open().lose(SessionClosed(3000, "Go away!"))
        self.assertStatus(0, "closed: 3000 Go away!")

    def test_closedWhileWaiting(self) -> None:
        """
        The server may close while answers are waited for, or before all is delivered.
        """
        for seconds in 0.0, 0.6:
            self.setUp()
            transport = self.open()
            self.console.conversation.say("a")
            self.console.conversation.inputEnded()
            self.run_(seconds)
            transport.lose(SessionClosed(1000, "Done"))
            self.run_(0.3)
            self.assertStatus(0, "closed: 1000 Done")
            self.assertEqual(transport.closes, [])

    def test_lost(self) -> None:
        """
        What breaks is said, and is 1.
        """
        self.open().lose(ConnectionLost("it broke"))
        self.assertEqual(self.successResultOf(self.outcome), 1)
        self.assertRegex(self.said[0], "^txsockjs connect: lost: .*it broke")

    def test_lostWhileClosing(self) -> None:
        """
        So is what breaks while the session is closed from here.
        """
        self.endpoint.closes = False
        transport = self.open()
        self.console.conversation.inputEnded()
        self.run_(1.5)
        self.assertEqual(transport.closes, [(1000, "")])
        transport.lose(SessionFailed(1006, "no answer"))
        self.assertStatus(1, "lost: 1006 no answer")

    def test_refused(self) -> None:
        """
        What cannot be connected to is an error.
        """
        self.endpoint.failing = {0}
        self.begin()
        self.run_(1)
        error = self.failureResultOf(self.outcome, SockJSError)
        self.assertIn("it says no", str(error.value))

    def test_trouble(self) -> None:
        """
        What cannot be sent closes the session, after what was sent before; it is the
        error.
        """
        transport = self.open()
        self.console.conversation.say("a")
        self.console.conversation.fail("line 2 is bad")
        self.console.conversation.fail("and so on")
        self.console.conversation.say("b")
        self.run_(1)
        error = self.failureResultOf(self.outcome, CommandError)
        self.assertEqual(str(error.value), "line 2 is bad")
        self.assertEqual(transport.sent, ["a"])


class SignalTests(ConnectCase):
    """
    Signals.
    """

    def test_connecting(self) -> None:
        """
        One that comes while it connects ends that.
        """
        self.endpoint.hanging = {0}
        self.begin()
        self.job.stop(15)
        self.assertStatus(143)

    def test_open(self) -> None:
        """
        One that comes later closes the session in good order.
        """
        transport = self.open()
        self.job.stop(2)
        self.assertEqual(transport.closes, [(1000, "")])
        self.run_(0.3)
        self.assertStatus(130)

    def test_again(self) -> None:
        """
        A second one drops it, where the server does not let it end.
        """
        self.endpoint.closes = False
        transport = self.open()
        self.job.stop(2)
        self.run_(5)
        self.assertNoResult(self.outcome)
        self.job.stop(2)
        self.assertTrue(transport.aborted and self.console.dropped)
        self.assertStatus(130)

"""Tests for `txsockjs.shutdown`: how services end with their reactor."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs import SockJSFactory, SockJSResource
from txsockjs.shutdown import ShutdownHook


@implementer(IReactorCore)
class Reactor(Clock):  # type: ignore[misc]
    """
    A clock that can be told to stop, as a reactor is.

    :ivar triggers: what it would call, with its phase.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.triggers: list[tuple[str, Any]] = []

    def addSystemEventTrigger(self, phase: str, event: str, call: Any) -> object:
        trigger = (phase, call)
        self.triggers.append(trigger)
        return trigger

    def removeSystemEventTrigger(self, trigger: Any) -> None:
        self.triggers.remove(trigger)

    def callFromThread(self, call: Any) -> None:
        call()

    def sigTerm(self, *rest: object) -> None:
        """
        What stands for its handler of a signal.
        """

    def fire(self, phase: str) -> list[Any]:
        """
        Call what is of one phase; what has fired can no longer be removed.
        """
        fired = [each for each in self.triggers if each[0] == phase]
        self.triggers = [each for each in self.triggers if each[0] != phase]
        return [call() for _, call in fired]


class ShutdownHookTests(SynchronousTestCase):
    """
    `ShutdownHook`.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.calls: list[str] = []
        self.ended: Deferred[None] = Deferred()

    def hook(self, clock: Any = None, name: str = "") -> ShutdownHook:
        def end() -> Deferred[None]:
            self.calls.append(f"end{name}")
            return self.ended

        hook = ShutdownHook(
            clock or self.reactor, end, lambda: self.calls.append(f"stop{name}")
        )
        hook.arm()
        return hook

    def test_waits(self) -> None:
        """
        The reactor waits for the end, which begins one turn later than what else it
        waits for, and then the stop is called.
        """
        self.hook()
        [waited] = self.reactor.fire("before")
        self.assertEqual(self.calls, [])
        self.reactor.advance(0)
        self.assertEqual(self.calls, ["end"])
        self.assertNoResult(waited)
        self.ended.callback(None)
        self.successResultOf(waited)
        self.reactor.fire("during")
        self.assertEqual(self.calls, ["end", "stop"])

    def test_disarmed(self) -> None:
        """
        Nothing is left at the reactor of what is disarmed, before and after the first
        trigger has fired; to arm it twice adds nothing.
        """
        hook = self.hook()
        hook.arm()
        self.assertEqual(len(self.reactor.triggers), 2)
        hook.disarm()
        self.assertEqual(self.reactor.triggers, [])
        hook.arm()
        self.reactor.fire("before")
        hook.disarm()
        self.assertEqual(self.reactor.triggers, [])
        self.reactor.advance(0)

    def test_clock(self) -> None:
        """
        A clock that is no reactor is left alone.
        """
        hook = self.hook(Clock())
        hook.disarm()
        self.assertEqual(self.calls, [])

    def test_secondSignal(self) -> None:
        """
        A second signal, of either kind, stops whatever is still ending, with one line
        in the log.
        """
        for number in signal.SIGTERM, signal.SIGINT:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
            signal.signal(number, self.reactor.sigTerm)
        self.hook(name="1")
        self.hook(name="2")
        self.reactor.fire("before")
        with capturedLogs() as logs:
            signal.raise_signal(signal.SIGINT)
        self.assertEqual(self.calls, ["stop2", "stop1"])
        [event] = logs
        self.assertIn("Told to stop once more", event["log_format"])

    def test_foreignSignals(self) -> None:
        """
        A handler of a signal that is not the reactor's stays.
        """
        before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
        self.hook()
        self.reactor.fire("before")
        after = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
        self.assertEqual(after, before)


class ServiceTests(SynchronousTestCase):
    """
    Which services a reactor waits for.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()

    def phases(self) -> list[str]:
        return [phase for phase, _ in self.reactor.triggers]

    def test_site(self) -> None:
        """
        Those of a Site that listens.
        """
        site = SockJSFactory(Factory.forProtocol(Echo), clock=self.reactor)
        self.assertEqual(self.phases(), [])
        site.doStart()
        self.assertEqual(self.phases(), ["before", "during"])
        site.doStop()
        self.assertEqual(self.phases(), [])

    def test_resource(self) -> None:
        """
        A Resource that was started, which is stopped in the end.
        """
        resource = SockJSResource(Factory.forProtocol(Echo), clock=self.reactor)
        resource.start()
        [waited] = self.reactor.fire("before")
        self.reactor.advance(1)
        self.successResultOf(waited)
        self.reactor.fire("during")
        self.assertEqual(self.phases(), [])
        self.assertEqual(resource._factory.numPorts, 0)  # type: ignore[attr-defined]

"""Tests for `txsockjs.serving.logs`, and for what sessions log of themselves."""

from __future__ import annotations

import json
import os
import signal
import sys
from io import StringIO
from typing import Any

from twisted.internet.protocol import Factory
from twisted.logger import (
    ILogObserver,
    Logger,
    LogLevel,
    LogPublisher,
    capturedLogs,
)
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txsockjs import SockJSFactory
from txsockjs.serving.logs import ProcessLog, jsonLine, readLevel
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

TWISTD: dict[str, Any] = {
    "debug": False,
    "logfile": None,
    "logger": None,
    "nodaemon": True,
    "prefix": "twisted",
    "syslog": False,
}


class Unshowable:
    """
    What has no text.
    """

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class JSONTests(SynchronousTestCase):
    """
    `jsonLine`.
    """

    def line(self, format: str, **fields: object) -> Any:
        """
        What an event becomes.
        """
        events: list[Any] = []
        publisher = LogPublisher(events.append)
        logger = Logger(namespace="app.chat", observer=publisher)
        if "failure" in fields:
            logger.failure(format, **fields)
        else:
            logger.warn(format, **fields)
        [event] = events
        event["log_time"] = 1700000000.25
        text = jsonLine(event)
        self.assertEqual(text.index("\n"), len(text) - 1)
        return json.loads(text)

    def test_event(self) -> None:
        """
        An event has its time, level, namespace, text and fields.
        """
        self.assertEqual(
            self.line("{count} of {names}", count=3, names="a\nb\u2028"),
            {
                "time": "2023-11-14T22:13:20.250000Z",
                "level": "warn",
                "namespace": "app.chat",
                "text": "3 of a\nb\u2028",
                "fields": {"count": 3, "names": "a\nb\u2028"},
            },
        )

    def test_noFields(self) -> None:
        """
        One without fields has none.
        """
        self.assertNotIn("fields", self.line("Here."))

    def test_values(self) -> None:
        """
        What JSON has no value for is there as text, whatever it is.
        """
        fields = {"a": None, "b": True, "c": 0.5, "d": float("nan"), "e": b"\xff"}
        line = self.line("Here.", f=(1, 2), g=Unshowable(), **fields)
        self.assertEqual(
            line["fields"],
            {
                "a": None,
                "b": True,
                "c": 0.5,
                "d": "nan",
                "e": "\\xff",
                "f": "(1, 2)",
                "g": "a Unshowable that cannot be shown",
            },
        )

    def test_failure(self) -> None:
        """
        A failure is there with its traceback, once.
        """
        try:
            raise ValueError("broken")
        except ValueError:
            line = self.line("It raised.", failure=Failure())
        self.assertEqual(line["level"], "critical")
        self.assertIn("ValueError: broken", line["traceback"])
        self.assertNotIn("fields", line)


class LevelTests(SynchronousTestCase):
    """
    Levels, for all and by namespace.
    """

    def test_read(self) -> None:
        """
        A level goes alone, or with a namespace; one that there is not is refused.
        """
        self.assertEqual(readLevel("warn"), ("", LogLevel.warn))
        self.assertEqual(readLevel("a.b=debug"), ("a.b", LogLevel.debug))
        for wrong in ("loud", "a=loud", "a=", ""):
            with self.assertRaisesRegex(ValueError, "debug, info, warn"):
                readLevel(wrong)

    def test_logs(self) -> None:
        """
        A namespace's level is that of what lies in it. It is info where none is given.
        """
        log = ProcessLog("text", {"a": LogLevel.debug, "a.b": LogLevel.error}, None)
        self.assertTrue(log.logs("a.c", LogLevel.debug))
        self.assertFalse(log.logs("a.b.c", LogLevel.warn))
        self.assertTrue(log.logs("c", LogLevel.info))
        self.assertFalse(log.logs("c", LogLevel.debug))


class ObserverTests(SynchronousTestCase):
    """
    Where ``twistd`` was told to log.
    """

    def setUp(self) -> None:
        self.here = FilePath(self.mktemp())
        self.here.makedirs()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.here.path)
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))

    def log(self, **options: object) -> ProcessLog:
        return ProcessLog("text", {}, {**TWISTD, **options})

    def observer(self, log: ProcessLog) -> Any:
        observer: Any = log.observer(MemoryReactor())
        verifyObject(ILogObserver, observer)
        return observer

    def tell(self, observer: Any, *texts: str) -> None:
        for text in texts:
            Logger(namespace="app", observer=observer).info(text)
            Logger(namespace="app", observer=observer).debug("not " + text)

    def test_output(self) -> None:
        """
        In the foreground it is the standard output, ``-`` too.
        """
        for options in {}, {"logfile": "-"}, {"nodaemon": False, "debug": True}:
            self.patch(sys, "stdout", StringIO())
            log = self.log(**options)
            self.tell(self.observer(log), "Here.")
            self.assertIn("[app#info] Here.\n", sys.stdout.getvalue())
            self.assertNotIn("not Here", sys.stdout.getvalue())
            self.assertIsNone(log.path)
            self.assertFalse(log.reopen())

    def test_file(self) -> None:
        """
        It is the file that was named; a daemon's is ``twistd.log``.
        """
        for name, options in {
            "chat.log": {"logfile": "chat.log"},
            "twistd.log": {"nodaemon": False},
        }.items():
            log = self.log(**options)
            self.tell(self.observer(log), "Here.")
            self.assertEqual(log.path, self.here.child(name).path)
            self.assertIn(b"Here.\n", self.here.child(name).getContent())

    def test_reopen(self) -> None:
        """
        After a file was moved away, it goes on in a new one.
        """
        log = self.log(logfile="chat.log")
        observer = self.observer(log)
        self.tell(observer, "one")
        self.here.child("chat.log").moveTo(self.here.child("old.log"))
        self.tell(observer, "two")
        self.assertTrue(log.reopen())
        self.tell(observer, "three")
        old, new = (self.here.child(n).getContent() for n in ("old.log", "chat.log"))
        self.assertEqual((b"two" in old, b"three" in old), (True, False))
        self.assertEqual((b"two" in new, b"three" in new), (False, True))

    def test_reopenFails(self) -> None:
        """
        Where there can be no such file, it goes on where it was.
        """
        log = self.log(logfile=self.here.child("logs").path + "/chat.log")
        self.here.child("logs").makedirs()
        observer = self.observer(log)
        self.here.child("logs").moveTo(self.here.child("old"))
        self.assertRaises(OSError, log.reopen)
        self.tell(observer, "one")
        self.assertIn(b"one", self.here.descendant(["old", "chat.log"]).getContent())

    def test_twistds(self) -> None:
        """
        ``twistd`` does it itself where it was told of another log, and where it is to
        complain: daemons have no standard output.
        """
        for options in {"logger": "app.log"}, {"nodaemon": False, "logfile": "-"}:
            self.assertIsNone(self.log(**options).observer(MemoryReactor()))
        self.assertIsNone(ProcessLog("text", {}, None).observer(MemoryReactor()))


class SessionTests(SynchronousTestCase):
    """
    What is logged of each session.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        site = SockJSFactory(Factory.forProtocol(Echo), clock=self.reactor)
        self.service = site.services[""].service
        self.client = MemoryClient(MemorySite(site))

    def session(self) -> list[dict[str, Any]]:
        """
        What is logged of a session of two seconds.
        """
        with capturedLogs() as logs:
            self.client.request("POST", "/000/unguessable/xhr")
            self.reactor.advance(2)
            self.service.stop()
        return logs

    def test_off(self) -> None:
        """
        As it is made, a service makes no event of a session.
        """
        self.assertEqual(self.session(), [])

    def test_on(self) -> None:
        """
        One that logs sessions tells when one is opened and has ended, at debug, and
        tells no session's id.
        """
        self.service.logsSessions = True
        opened, ended = self.session()
        for event in opened, ended:
            self.assertIs(event["log_level"], LogLevel.debug)
            self.assertEqual(event["transport"], "xhr")
            self.assertRegex(event["peer"], r"^[\d.]+:\d+$")
            self.assertNotIn("unguessable", str(event))
        self.assertEqual((ended["duration"], ended["code"]), (2.0, 1006))

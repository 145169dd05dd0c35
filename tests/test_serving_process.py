"""Tests for `txsockjs.serving.process`: what ``twistd`` is had to do."""

from __future__ import annotations

import os
from typing import Any

from twisted.application.service import Application
from twisted.application.twist._options import TwistOptions
from twisted.logger import ILogObserver, LogLevel
from twisted.scripts.twistd import ServerOptions

from tests.test_tap import TapTestCase
from txsockjs.tap import makeService


class TwistdTestCase(TapTestCase):
    """
    Command lines of ``twistd``, of which nothing is run.
    """

    def twistd(self, *arguments: str) -> Any:
        """
        The options of ``twistd``, from strings as a process gets them.
        """
        options: Any = ServerOptions()
        options.parseOptions([argument[:1] + argument[1:] for argument in arguments])
        return options

    def refused(self, *arguments: str) -> str:
        """
        What ``twistd`` ends with.
        """
        return str(self.assertRaises(SystemExit, self.twistd, *arguments))


class PidfileTests(TwistdTestCase):
    """
    The file with the process's number.
    """

    def write(self, text: str, name: str = "twistd.pid") -> None:
        self.here.child(name).setContent(text.encode())

    def path(self, *arguments: str) -> str:
        """
        Which file ``twistd`` takes.
        """
        path: str = self.twistd(*arguments, "sockjs")["pidfile"]
        return path and os.path.relpath(path)

    def test_foreground(self) -> None:
        """
        In the foreground there is none, whatever is left over of the last run.
        """
        self.write("1")
        for option in "-n", "--nodaemon":
            self.assertEqual(self.path(option), "")

    def test_named(self) -> None:
        """
        One that is named is taken, even if it has the name that it has by default.
        """
        self.assertEqual(self.path("-n", "--pidfile=chat.pid"), "chat.pid")
        self.assertEqual(self.path("-n", "--pidfile", "twistd.pid"), "twistd.pid")

    def test_daemon(self) -> None:
        """
        A daemon has one; none, if that was asked for.
        """
        self.assertEqual(self.path(), "twistd.pid")
        self.assertEqual(self.path("--pidfile="), "")

    def test_running(self) -> None:
        """
        That of a process which runs is named, with what to do.
        """
        self.write(str(os.getppid()))
        said = self.refused("sockjs")
        for word in "twistd.pid", f"process {os.getppid()} is", "remove the file":
            self.assertIn(word, said)
        self.write("1", "chat.pid")
        self.assertIn("chat.pid", self.refused("-n", "--pidfile=chat.pid", "sockjs"))

    def test_broken(self) -> None:
        """
        One that has no number in it is named, with what to do.
        """
        for text in "", "one":
            self.write(text)
            self.assertRegex(self.refused("sockjs"), "twistd.pid: .*remove it")

    def test_stale(self) -> None:
        """
        One of a process that does not run is ``twistd``'s to remove, and one with this
        process's own number is removed.
        """
        self.write("999999999")
        self.assertEqual(self.path(), "twistd.pid")
        self.write(str(os.getpid()))
        self.assertEqual(self.path(), "twistd.pid")
        self.assertFalse(self.here.child("twistd.pid").exists())


class LogTests(TwistdTestCase):
    """
    The log of the process.
    """

    def test_observer(self) -> None:
        """
        The application that ``twistd`` makes has the log.
        """
        twistd = self.twistd("-n", "--logfile=a.log", "sockjs", "--log-format=json")
        application: Any = Application("SockJS")
        service = makeService(twistd.subOptions)
        self.addCleanup(service.reloader.unwatch)
        service.setServiceParent(application)
        self.assertTrue(self.here.child("a.log").exists())
        self.assertIsNotNone(application.getComponent(ILogObserver))

    def test_levels(self) -> None:
        """
        Levels are for all, or for a namespace. Sessions are logged where the level of
        what is of txsockjs is debug.
        """
        for arguments, logs in {
            (): False,
            ("debug",): True,
            ("txsockjs=debug",): True,
            ("debug", "txsockjs=info"): False,
            ("myapp=debug",): False,
        }.items():
            options = self.parse(*(f"--log-level={level}" for level in arguments))
            service = makeService(options)
            logging = {s.service.logsSessions for s in service.site.services.values()}
            self.assertEqual(logging, {logs}, arguments)
        options = self.parse("--log-level=warn", "--log-level=a=debug")
        self.assertFalse(options.log.logs("b", LogLevel.info))
        self.assertTrue(options.log.logs("a", LogLevel.debug))

    def test_refused(self) -> None:
        """
        What does not go together is told.
        """
        for arguments, word in {
            ("sockjs", "--log-format", "xml"): "text and json",
            ("sockjs", "--log-level", "loud"): "debug, info",
            ("--syslog", "sockjs", "--log-format", "json"): "--syslog",
            ("--logger=os.path", "sockjs", "--log-level", "debug"): "--logger",
        }.items():
            said = self.refused("-n", *arguments)
            self.assertIn(word, said)
            self.assertRegex(said, r"^twistd sockjs: --log-\w+.*\nSee '.*--help'\.$")

    def test_twist(self) -> None:
        """
        ``python -m twisted`` has a log of its own.
        """
        TwistOptions().parseOptions(["sockjs"])
        error = self.assertRaises(
            SystemExit, TwistOptions().parseOptions, ["sockjs", "--log-level=debug"]
        )
        self.assertRegex(str(error), r"^python -m twisted sockjs: .* before 'sockjs'")

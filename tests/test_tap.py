"""Tests for `txsockjs.tap`: the command line of ``twistd sockjs``, and its service."""

from __future__ import annotations

import os
import sys
from typing import Any

from treq.testing import StubTreq
from twisted.application.service import IService, IServiceMaker
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.plugin import getPlugins
from twisted.protocols.wire import Echo
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txsockjs.browser import CLIENT
from txsockjs.options import SockJSOptions
from txsockjs.serving.explaining import endWithoutTrace
from txsockjs.tap import Options, SockJSService, makeService

ECHO = "echo=twisted.protocols.wire.Echo"


class TapTestCase(SynchronousTestCase):
    """
    A command line, on a reactor in memory, in an empty directory.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.here = FilePath(self.mktemp())
        self.here.makedirs()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.here.path)
        self.patch(sys, "path", sys.path[:])

    def parse(self, *arguments: str) -> Options:
        options = Options(self.reactor)
        options.parseOptions(arguments)
        return options

    def start(self, *arguments: str) -> SockJSService:
        service = makeService(self.parse(*arguments))
        service.privilegedStartService()
        service.startService()
        return service

    def optionsOf(self, name: str, *arguments: str) -> SockJSOptions:
        return self.parse(*arguments).site.services[name].options

    def get(
        self, options: Options, path: str, method: str = "GET"
    ) -> tuple[int, bytes]:
        """
        Status and body.
        """
        treq = StubTreq(options.site.resource)
        response = self.successResultOf(treq.request(method, f"http://tap.test{path}"))
        return response.code, self.successResultOf(response.content())


class PluginTests(SynchronousTestCase):
    """
    ``twistd`` and the command.
    """

    def test_found(self) -> None:
        """
        ``twistd`` finds the command, its options and what makes its service.
        """
        [maker] = [p for p in getPlugins(IServiceMaker) if p.tapname == "sockjs"]
        verifyObject(IServiceMaker, maker)
        self.assertIs(maker.options, Options)
        self.assertIs(maker.makeService, makeService)


class DemoTests(TapTestCase):
    """
    ``twistd sockjs`` without ``--service``.
    """

    def test_noArgument(self) -> None:
        """
        With no argument at all the demo is served to this machine alone, on port 8080.
        """
        service = self.start()
        [(port, site, _, interface)] = self.reactor.tcpServers
        self.assertEqual((port, interface), (8080, "127.0.0.1"))
        self.assertIs(site, service.site)
        services = {"echo", "broadcast", "close", "ticker", "rooms"}
        self.assertEqual(set(site.services), services)

    def test_paths(self) -> None:
        """
        The page is at the root, each service under its name, and nothing elsewhere.
        """
        options = self.parse()
        self.assertIn(b"<title>txsockjs demo", self.get(options, "/")[1])
        self.assertEqual(self.get(options, "/echo"), (200, b"Welcome to SockJS!\n"))
        self.assertEqual(self.get(options, "/ticker/")[0], 200)
        self.assertEqual(self.get(options, "/nothing")[0], 404)
        self.assertEqual(self.get(options, "/echo/nothing")[0], 404)

    def test_client(self) -> None:
        """
        The page and the iframe load the client from here; it is the package's own.
        """
        options = self.parse()
        self.assertIn(b'<script src="sockjs.min.js"', self.get(options, "/")[1])
        script = b'<script src="/sockjs.min.js"'
        self.assertIn(script, self.get(options, "/echo/iframe.html")[1])
        self.assertEqual(
            self.get(options, "/sockjs.min.js"), (200, CLIENT.getContent())
        )

    def test_otherClient(self) -> None:
        """
        So they do with another version of it, which is served in its place.
        """
        self.here.child("client.js").setContent(b"// here")
        options = self.parse("--sockjs-client", "client.js")
        script = b'<script src="/sockjs.min.js"'
        self.assertIn(script, self.get(options, "/echo/iframe.html")[1])
        self.assertEqual(self.get(options, "/sockjs.min.js"), (200, b"// here"))

    def test_ownURL(self) -> None:
        """
        The option ``sockjs_url`` is what the iframe loads, in the demo, too.
        """
        options = self.parse("--option", "sockjs_url=https://a.example/s.js")
        self.assertIn(
            b'<script src="https://a.example/s.js"',
            self.get(options, "/echo/iframe.html")[1],
        )
        self.assertIn(b'<script src="sockjs.min.js"', self.get(options, "/")[1])

    def test_options(self) -> None:
        """
        The demo services take options as any others do.
        """
        arguments = ["--option", "timeout=9", "--option", "echo:websocket=no"]
        self.assertEqual(self.optionsOf("ticker", *arguments).timeout, 9)
        self.assertTrue(self.optionsOf("ticker", *arguments).websocket)
        self.assertFalse(self.optionsOf("echo", *arguments).websocket)


class ServiceTests(TapTestCase):
    """
    ``--service`` and its options.
    """

    def test_services(self) -> None:
        """
        Several services are served, each under its name, and the demo is not.
        """
        options = self.parse("--service", ECHO, "--service", f"a/b/{ECHO}")
        self.assertEqual(list(options.site.services), ["echo", "a/b/echo"])
        self.assertEqual(self.get(options, "/echo")[0], 200)
        self.assertEqual(self.get(options, "/a/b/echo")[0], 200)
        self.assertEqual(self.get(options, "/")[0], 404)
        self.assertEqual(self.get(options, "/a/b")[0], 404)

    def test_currentDirectory(self) -> None:
        """
        A service may come from a module in the current directory.
        """
        self.here.child("tap_test_app.py").setContent(
            b"from twisted.protocols.wire import Echo as Chat\n"
        )
        self.addCleanup(sys.modules.pop, "tap_test_app", None)
        options = self.parse("--service", "chat=tap_test_app.Chat")
        self.assertEqual(self.get(options, "/chat")[0], 200)

    def test_optionInCurrentDirectory(self) -> None:
        """
        So may what an option names, whichever comes first on the command line.
        """
        code = b"from twisted.protocols.wire import Echo\ndef who(request): pass\n"
        self.here.child("tap_test_who.py").setContent(code)
        self.addCleanup(sys.modules.pop, "tap_test_who", None)
        option = "--option=authorize=tap_test_who.who"
        options = self.optionsOf("chat", option, "--service", "chat=tap_test_who.Echo")
        self.assertEqual(options.authorize.__name__, "who")

    def test_protocol(self) -> None:
        """
        The service's sessions are protocols of the object that was named.
        """
        service = self.start("--service", ECHO).site.services["echo"]
        self.assertIsInstance(service._factory.buildProtocol(None), Echo)

    def test_commonOption(self) -> None:
        """
        ``NAME=VALUE`` counts for all services.
        """
        arguments = ["--option=timeout=7", "--service", ECHO, "--service", f"x{ECHO}"]
        self.assertEqual(self.optionsOf("echo", *arguments).timeout, 7)
        self.assertEqual(self.optionsOf("xecho", *arguments).timeout, 7)

    def test_ownOption(self) -> None:
        """
        ``SERVICE:NAME=VALUE`` counts for that service, before the common one, wherever
        in the line both are.
        """
        arguments = ["--option=a/echo:timeout=8", "--option=timeout=7"]
        arguments += ["--service", ECHO, "--service", f"a/{ECHO}"]
        self.assertEqual(self.optionsOf("a/echo", *arguments).timeout, 8)
        self.assertEqual(self.optionsOf("echo", *arguments).timeout, 7)

    def test_keepAlive(self) -> None:
        """
        ``--keep-alive`` is for the whole Site; it is 75 seconds by default.
        """
        self.assertEqual(self.parse().site.keepAlive, 75)
        self.assertEqual(self.parse("--keep-alive", "120").site.keepAlive, 120)
        self.assertIsNone(self.parse("--keep-alive", "none").site.keepAlive)

    def test_optionWithColons(self) -> None:
        """
        Colons and equals signs in a value are the value's own.
        """
        url = "https://a.example:81/?x=1"
        options = self.optionsOf(
            "echo", f"--option=sockjs_url={url}", "--service", ECHO
        )
        self.assertEqual(options.sockjs_url, url)

    def test_static(self) -> None:
        """
        ``--static`` serves files beside the services, which come first.
        """
        self.here.child("secret").setContent(b"")
        self.here.child("public").makedirs()
        for name in "index.html", "echo":
            self.here.descendant(["public", name]).setContent(b"")
        options = self.parse("--service", ECHO, "--static", "public")
        self.assertEqual(self.get(options, "/echo"), (200, b"Welcome to SockJS!\n"))
        self.assertEqual(self.get(options, "/index.html", "HEAD")[0], 200)
        for path in "/nothing", "/../secret", "/%2e%2e/secret", "/..%2fsecret":
            self.assertEqual(self.get(options, path, "HEAD")[0], 404, path)

    def test_accessLog(self) -> None:
        """
        There is no access log, unless one is asked for.
        """
        self.assertIsNone(self.parse().site.logPath)
        options = self.parse("--access-log", "access.log")
        self.assertEqual(options.site.logPath, os.path.abspath("access.log"))


class ListenTests(TapTestCase):
    """
    ``--listen``, and the life of the service.
    """

    def test_several(self) -> None:
        """
        One site is served on every endpoint that is named, and on no other.
        """
        path = self.here.child("socket").path
        service = self.start(
            "--listen=tcp:81", "--listen=tcp:82", f"--listen=unix:{path}"
        )
        self.assertEqual([server[0] for server in self.reactor.tcpServers], [81, 82])
        self.assertEqual([server[0] for server in self.reactor.unixServers], [path])
        for server in self.reactor.tcpServers + self.reactor.unixServers:
            self.assertIs(server[1], service.site)

    def test_isService(self) -> None:
        """
        What is made is a service.
        """
        verifyObject(IService, makeService(self.parse()))

    def test_startWithoutPrivilege(self) -> None:
        """
        Started by ``startService`` alone, it listens once.
        """
        makeService(self.parse()).startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_cannotListen(self) -> None:
        """
        A port that cannot be had ends the start, and is logged, in words and in one
        line; that very exception ends the process without another.
        """
        self.patch(sys, "excepthook", sys.excepthook)
        service = makeService(self.parse())
        error = CannotListenError("127.0.0.1", 8080, OSError("taken"))
        service.endpoints = [("tcp:8080", _Endpoint(fail(error)))]
        with capturedLogs() as events:
            self.assertRaises(CannotListenError, service.privilegedStartService)
        [event] = events
        self.assertIs(event["log_level"], LogLevel.critical)
        self.assertNotIn("log_failure", event)
        told = formatEvent(event)
        self.assertEqual(told, "Cannot listen on tcp:8080: taken")
        others: list[object] = []
        self.patch(sys, "excepthook", lambda *rest: others.append(rest))
        endWithoutTrace(error, "")
        sys.excepthook(CannotListenError, error, None)
        self.assertEqual(others, [])
        other = ValueError()
        sys.excepthook(ValueError, other, None)
        self.assertEqual(others, [(ValueError, other, None)])

    def test_fault(self) -> None:
        """
        What is a program's fault keeps its traceback.
        """
        service = makeService(self.parse())
        service.endpoints = [("odd:", _Endpoint(fail(ZeroDivisionError())))]
        self.assertRaises(ZeroDivisionError, service.privilegedStartService)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_backlog(self) -> None:
        """
        Many connections may wait, unless the string says how many.
        """
        self.start(
            *("--listen=tcp:81", "--listen=tcp:82:backlog=50", "--listen=tcp:83::7"),
            "--listen=unix:u",
        )
        backlogs = [server[2] for server in self.reactor.tcpServers]
        self.assertEqual(backlogs, [1024, 50, 7])
        self.assertEqual(self.reactor.unixServers[0][2], 1024)

    def test_stopOrder(self) -> None:
        """
        The ports stay open until the sessions are closed, and the stop lasts until the
        ports are closed.
        """
        service = self.start()
        closed: Deferred[None] = Deferred()
        port = _Port()
        service.site.closeSessions = lambda: closed
        service.endpoints = [("tcp:8080", _Endpoint(port))]
        service._listening = []
        service.privilegedStartService()
        stopped = service.stopService()
        self.assertFalse(port.stopping)
        closed.callback(None)
        self.assertTrue(port.stopping)
        self.assertNoResult(stopped)
        port.stopped.callback(None)
        self.successResultOf(stopped)

    def test_stopWhileListening(self) -> None:
        """
        A stop gives up an attempt to listen that is not done.
        """
        service = makeService(self.parse())
        listening: Deferred[Any] = Deferred()
        service.endpoints = [("slow:", _Endpoint(listening))]
        service.startService()
        self.successResultOf(service.stopService())
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertFalse(service.running)


class _Endpoint:
    """
    An endpoint whose ``listen`` gives what the test says.
    """

    def __init__(self, result: Any) -> None:
        self.result = result

    def listen(self, factory: object) -> Any:
        if isinstance(self.result, Deferred):
            return self.result
        done: Deferred[Any] = Deferred()
        done.callback(self.result)
        return done


class _Port:
    """
    A port that stops when the test says.
    """

    stopping = False

    def __init__(self) -> None:
        self.stopped: Deferred[None] = Deferred()

    def getHost(self) -> str:
        return "nowhere"

    def stopListening(self) -> Deferred[None]:
        self.stopping = True
        return self.stopped

"""Tests for `txsockjs.serving.reloading` and `txsockjs.serving.rereading`."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import KeyPair
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.protocols.wire import Echo
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from txsockjs import SockJSFactory
from txsockjs.serving import rereading
from txsockjs.serving.reloading import Reloader
from txsockjs.serving.rereading import RereadEndpoint
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite


class Pairs(SynchronousTestCase):
    """
    Keys and certificates, made once.
    """

    pairs: list[tuple[bytes, bytes]] = []

    def setUp(self) -> None:
        if not self.pairs:
            for serial in 1, 2:
                pair = KeyPair.generate(size=2048)
                certificate = pair.selfSignedCert(serial, CN="localhost")
                self.pairs.append((pair.dump(1), certificate.dump(1)))
        self.here = FilePath(self.mktemp())
        self.here.makedirs()
        self.reactor = MemoryReactorClock()
        self.site = Site(None)

    def write(self, key: bytes, certificate: bytes) -> None:
        """
        Put a key and a certificate where the endpoints have them.
        """
        self.here.child("key.pem").setContent(key)
        self.here.child("cert.pem").setContent(certificate)

    @property
    def ssl(self) -> str:
        path = self.here.path
        return f"ssl:443:privateKey={path}/key.pem:certKey={path}/cert.pem"

    def endpoint(self, description: str) -> RereadEndpoint:
        endpoint = RereadEndpoint(self.reactor, description)
        self.listening: Deferred[Any] = endpoint.listen(self.site)
        self.successResultOf(self.listening)
        return endpoint


class RereadEndpointTests(Pairs):
    """
    `RereadEndpoint`.
    """

    def contexts(self) -> tuple[Any, Any]:
        """
        The factory that a ``ssl:`` endpoint listens with, and its context.
        """
        [(_, factory, contexts, *_)] = self.reactor.sslServers
        return factory, contexts.getContext()

    def test_interface(self) -> None:
        """
        It is an endpoint, and what it listens with is a reactor to it.
        """
        self.write(*self.pairs[0])
        verifyObject(IStreamServerEndpoint, self.endpoint(self.ssl))

    def test_plain(self) -> None:
        """
        Without TLS there is nothing to read, and the site is listened with as it is.
        """
        endpoint = self.endpoint("tcp:80")
        [(port, factory, *_)] = self.reactor.tcpServers
        self.assertEqual((port, factory), (80, self.site))
        self.assertFalse(endpoint.reread())

    def test_early(self) -> None:
        """
        Before it listens there is nothing to read either.
        """
        self.write(*self.pairs[0])
        self.assertFalse(RereadEndpoint(self.reactor, self.ssl).reread())

    def test_ssl(self) -> None:
        """
        An ``ssl:`` endpoint has new contexts once it was read again, and not before; it
        goes on listening.
        """
        self.write(*self.pairs[0])
        endpoint = self.endpoint(self.ssl)
        factory, before = self.contexts()
        self.assertIs(factory, self.site)
        self.write(*self.pairs[1])
        self.assertIs(self.contexts()[1], before)
        self.assertTrue(endpoint.reread())
        self.assertIsNot(self.contexts()[1], before)

    def test_wrapped(self) -> None:
        """
        So has one inside of another.
        """
        self.write(*self.pairs[0])
        endpoint = self.endpoint(f"haproxy:{self.ssl}")
        factory, before = self.contexts()
        self.assertIsNot(factory, self.site)
        self.assertTrue(endpoint.reread())
        self.assertIs(self.contexts()[0], factory)
        self.assertIsNot(self.contexts()[1], before)

    def test_later(self) -> None:
        """
        Where an endpoint does not read its certificates at once, that is told, and the
        old ones stay.
        """
        self.write(*self.pairs[0])
        endpoint = self.endpoint(self.ssl)
        _, before = self.contexts()

        class Later:
            def listen(self, factory: object) -> Deferred[Any]:
                return Deferred()

        self.patch(rereading, "serverFromString", lambda reactor, text: Later())
        self.assertRaises(ValueError, endpoint.reread)
        self.assertIs(self.contexts()[1], before)

    def test_wrong(self) -> None:
        """
        Where a file is missing or has no certificate in it, or the key is another
        one's, that is told, and the old ones stay.
        """
        key, certificate = self.pairs[0]
        self.write(key, certificate)
        endpoint = self.endpoint(self.ssl)
        _, before = self.contexts()
        for wrong in (b"", b"no PEM"), (key, b""), (key, self.pairs[1][1]):
            self.write(*wrong)
            error = self.assertRaises(ValueError, endpoint.reread)
            self.assertRegex(str(error), r"(key|cert)\.pem: th(ere is no|e) \w+|and")
            self.assertNotIn("[(", str(error))
        self.here.child("key.pem").remove()
        self.assertRaises(OSError, endpoint.reread)
        self.assertIs(self.contexts()[1], before)

    def test_directory(self) -> None:
        """
        A ``tls:`` endpoint, which has a directory of certificates, makes connections
        with what was read last; its site is started and stopped once.
        """
        self.here.child("a.pem").setContent(b"".join(self.pairs[0]))
        started: list[str] = []
        self.site.doStart = lambda: started.append("start")
        self.site.doStop = lambda: started.append("stop")
        endpoint = self.endpoint(f"tls:{self.here.path}:443")
        [(_, factory, *_)] = self.reactor.tcpServers
        self.assertNotIsInstance(factory, TLSMemoryBIOFactory)
        factory.doStart()
        before = factory.factory
        self.assertIsInstance(before, TLSMemoryBIOFactory)
        self.assertTrue(endpoint.reread())
        self.assertIsNot(factory.factory, before)
        self.assertIs(factory.buildProtocol(None).factory, factory.factory)
        factory.doStop()
        self.assertEqual(started, ["start", "stop"])


class AccessLogTests(SynchronousTestCase):
    """
    The access log of a site of ours.
    """

    def setUp(self) -> None:
        self.here = FilePath(self.mktemp())
        self.here.child("logs").makedirs()
        self.path = self.here.descendant(["logs", "access.log"])

    def serve(self, **options: Any) -> tuple[SockJSFactory, MemoryClient]:
        site = SockJSFactory(
            Factory.forProtocol(Echo), clock=MemoryReactor(), **options
        )
        return site, MemoryClient(MemorySite(site))

    def test_moved(self) -> None:
        """
        After it was moved away, lines go to a new one.
        """
        site, client = self.serve(logPath=self.path.path)
        client.request("GET", "/one")
        old = self.path.sibling("old.log")
        self.path.moveTo(old)
        client.request("GET", "/two")
        self.assertTrue(site.reopenLog())
        client.request("GET", "/three")
        self.assertEqual(old.getContent().count(b"\n"), 2)
        self.assertIn(b"/three", self.path.getContent())

    def test_fails(self) -> None:
        """
        Where there can be none, lines go where they went.
        """
        site, client = self.serve(logPath=self.path.path)
        old = self.here.child("old")
        self.path.parent().moveTo(old)
        self.assertRaises(OSError, site.reopenLog)
        client.request("GET", "/one")
        self.assertIn(b"/one", old.child("access.log").getContent())

    def test_none(self) -> None:
        """
        Where there is none, or the site does not listen, nothing is opened.
        """
        site, _ = self.serve()
        self.assertFalse(site.reopenLog())
        idle = SockJSFactory(Factory.forProtocol(Echo), logPath=self.path.path)
        self.assertFalse(idle.reopenLog())
        self.assertFalse(self.path.exists())


class ReloaderTests(SynchronousTestCase):
    """
    `Reloader`.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.assertTrue(IReactorCore.providedBy(self.reactor))
        self.reactor.callFromThread = lambda call: call()
        self.reloader = Reloader(self.reactor)
        self.former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self.addCleanup(signal.signal, signal.SIGHUP, self.former)

    def told(self, deed: Any) -> list[tuple[Any, str]]:
        """
        What it logs.
        """
        with capturedLogs() as logs:
            deed()
        return [
            (event["log_level"], event["log_format"].format(**event)) for event in logs
        ]

    def test_reload(self) -> None:
        """
        Each thing is read. Those that were there are told in one line, and what cannot
        be read in one of its own; the others are read all the same.
        """

        def fails() -> bool:
            raise OSError("no such file")

        self.reloader.add("a", lambda: True)
        self.reloader.add("b", fails)
        self.reloader.add("c", lambda: False)
        self.reloader.add("d", lambda: True)
        self.assertEqual(
            self.told(self.reloader.reload),
            [
                (
                    LogLevel.error,
                    "Cannot read b again, which stays as it was: OSError: no such file",
                ),
                (LogLevel.info, "Read again: a, d."),
            ],
        )

    def test_nothing(self) -> None:
        """
        Where there is nothing, that is told.
        """
        told = self.told(self.reloader.reload)
        self.assertEqual(told, [(LogLevel.info, "Read again: nothing.")])

    def test_told(self) -> None:
        """
        What tells the log itself needs no line, and does not keep others from theirs.
        """
        self.reloader.add("a", lambda: None)
        self.assertEqual(self.told(self.reloader.reload), [])
        self.reloader.add("b", lambda: True)
        told = self.told(self.reloader.reload)
        self.assertEqual(told, [(LogLevel.info, "Read again: b.")])

    def test_signal(self) -> None:
        """
        SIGHUP has it do so, for as long as it watches.
        """
        self.reloader.add("a", lambda: True)
        self.reloader.watch()
        told = self.told(lambda: os.kill(os.getpid(), signal.SIGHUP))
        self.assertEqual(told, [(LogLevel.info, "Read again: a.")])
        self.reloader.unwatch()
        self.assertIs(signal.getsignal(signal.SIGHUP), signal.SIG_DFL)
        self.reloader.unwatch()

    def test_ignored(self) -> None:
        """
        Where SIGHUP is ignored, or somebody else's, it stays so.
        """
        for handler in signal.SIG_IGN, lambda *rest: None:
            signal.signal(signal.SIGHUP, handler)
            self.reloader.watch()
            self.assertIs(signal.getsignal(signal.SIGHUP), handler)
            self.reloader.unwatch()
            self.assertIs(signal.getsignal(signal.SIGHUP), handler)

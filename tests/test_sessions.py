"""Tests for `txsockjs.sessions`: the open sessions of a service, as values."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import SockJSFactory, SockJSMultiFactory, SockJSMultiplexResource
from txsockjs.core import frames
from txsockjs.errors import PrefixError
from txsockjs.sessions import SessionInfo, Sessions
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite


class Talker(Protocol):
    """
    Sends much when it is asked to, and knows how it has ended.
    """

    ends: list[str]

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"x" * int(data))

    def connectionLost(self, reason: Any = None) -> None:
        self.ends.append(reason.type.__name__)


class SessionsTestCase(SynchronousTestCase):
    """
    A service in memory.
    """

    def serve(self, **options: object) -> MemoryClient:
        """
        Listen; a client of it. ``self.sessions`` are its sessions.
        """
        self.ends: list[str] = []
        kind: Any = type("Kind", (Talker,), {"ends": self.ends})
        site = SockJSFactory(
            Factory.forProtocol(kind), dict(options), clock=MemoryReactor()
        )
        self.site = MemorySite(site)
        self.addCleanup(self.site.stop)
        self.sessions: Sessions[Any] = site.openSessions()
        return MemoryClient(self.site)

    def only(self) -> SessionInfo[Any]:
        """
        The one session that there is.
        """
        [info] = self.sessions
        return info


class ListTests(SessionsTestCase):
    """
    What is known of each session.
    """

    def test_what(self) -> None:
        """
        The oldest comes first, each with its transport, peer, avatar, times and bytes.
        """
        client = self.serve(
            authorize=lambda request: f"avatar of {request.transport}",
            proxy_header="X-Forwarded-For",
        )
        start = self.site.reactor.seconds()
        client.request("POST", "/000/a/xhr", {"X-Forwarded-For": "198.51.100.9"})
        self.site.advance(2)
        client.session("websocket").send("1000")
        self.site.advance(0.5)
        first, second = self.sessions
        self.assertEqual(
            [
                ("xhr", "198.51.100.9", "avatar of xhr", start, 2.5, 0),
                ("websocket", "192.0.2.7", "avatar of websocket", start + 2, 0.5, 0),
            ],
            [
                (i.transport, i.peer.host, i.avatar, i.since, i.age, i.pending)  # type: ignore[attr-defined]
                for i in (first, second)
            ],
        )
        self.assertEqual(2, len(self.sessions))

    def test_pending(self) -> None:
        """
        What a client does not take is pending.
        """
        client = self.serve()
        session = client.session()
        session.pauseReading()
        session.send("900000", "1000")
        before = self.only().pending
        session.resumeReading()
        self.assertGreater(before, 0)
        self.assertEqual(0, self.only().pending)

    def test_keys(self) -> None:
        """
        A session keeps its key, no other gets it, and it has nothing of the id.
        """
        client = self.serve()
        one, _ = client.session("xhr_streaming"), client.session()
        before = [info.key for info in self.sessions]
        self.assertEqual(before, [info.key for info in self.sessions])
        one.abort()
        self.site.settle()
        client.session()
        after = [info.key for info in self.sessions]
        self.assertEqual(before[1], after[0])
        self.assertNotIn(after[1], before)
        self.assertNotIn("s2", repr(list(self.sessions)))

    def test_openAlone(self) -> None:
        """
        Only those that are open are listed: none that waits for ``authorize``, was
        closed and waits to tell so, or is gone.
        """
        answer: Deferred[object] = Deferred()
        client = self.serve(authorize=lambda request: answer)
        client.session()
        self.assertEqual([], list(self.sessions))
        self.assertEqual(1, len(self.sessions))
        answer.callback("somebody")
        self.site.settle()
        info = self.only()
        self.assertTrue(self.sessions.close(info.key))
        self.assertEqual([], list(self.sessions))
        self.site.settle()
        self.assertEqual(0, len(self.sessions))

    def test_changedMeanwhile(self) -> None:
        """
        Sessions that end while they are listed are left out, and no other is missed.
        """
        client = self.serve()
        for _ in range(4):
            client.session()
        keys = [info.key for info in self.sessions]
        seen = []
        for info in self.sessions:
            seen.append(info.key)
            self.sessions.abort(keys[1])
        self.assertEqual([keys[0], keys[2], keys[3]], seen)

    def test_nothingKept(self) -> None:
        """
        What was listed is forgotten with its session, and where nobody asks nothing is
        kept.
        """
        client = self.serve()
        one = client.session()
        service = self.sessions._service
        self.assertEqual(({}, {}), (service._numberOf, service._byNumber))
        self.only()
        one.abort()
        self.site.settle()
        self.assertEqual(({}, {}), (service._numberOf, service._byNumber))


class TellTests(SessionsTestCase):
    """
    One message to all of them.
    """

    def test_all(self) -> None:
        """
        All get it, over whatever transport, encoded once; text or bytes.
        """
        client = self.serve()
        sessions = [client.session(), client.session("xhr"), client.session()]
        with patch.object(frames, "quote", wraps=frames.quote) as quote:
            self.assertEqual(3, self.sessions.tell("caf\xe9"))
            self.site.settle()
        self.assertEqual(1, quote.call_count)
        self.sessions.tell(b"\xc3\xa9")
        self.site.settle()
        for session in sessions:
            self.assertEqual(["caf\xe9", "\xe9"], session.received)

    def test_type(self) -> None:
        """
        What is neither bytes nor str is refused, though nobody is there.
        """
        self.serve()
        self.assertRaises(TypeError, self.sessions.tell, 7)
        self.assertEqual(0, self.sessions.tell("x"))


class CloseTests(SessionsTestCase):
    """
    One session is closed.
    """

    def test_close(self) -> None:
        """
        It gets what was written to it before, then code and reason; the others go on.
        """
        client = self.serve()
        one, other = client.session(), client.session()
        first, _ = self.sessions
        self.sessions.tell("before")
        self.assertTrue(self.sessions.close(first.key, 4001, "Come back tomorrow"))
        self.site.settle()
        self.assertEqual(["before"], one.received)
        self.assertEqual((4001, "Come back tomorrow"), one.closed)
        self.assertEqual(["ConnectionDone"], self.ends)
        self.assertIsNone(other.closed)
        self.assertFalse(self.sessions.close(first.key))

    def test_code(self) -> None:
        """
        A code that cannot be sent is refused, and the session goes on.
        """
        client = self.serve()
        one = client.session()
        error = self.assertRaises(ValueError, self.sessions.close, 1, 1006)
        self.assertIn("1006", str(error))
        self.site.settle()
        self.assertIsNone(one.closed)

    def test_unknown(self) -> None:
        """
        A key that was never given is nobody's.
        """
        self.serve().session()
        self.assertFalse(self.sessions.close(1))
        self.assertFalse(self.sessions.abort(7))

    def test_abort(self) -> None:
        """
        One that takes nothing is dropped at once.
        """
        client = self.serve()
        session = client.session()
        session.pauseReading()
        session.send("900000", "1000")
        self.assertTrue(self.sessions.abort(self.only().key))
        self.site.settle()
        self.assertEqual(["ConnectionAborted"], self.ends)
        self.assertEqual(0, len(self.sessions))


class PlaceTests(SynchronousTestCase):
    """
    Where the sessions are asked for.
    """

    def test_site(self) -> None:
        """
        A Site of several services is asked by prefix, however that is written, and
        names those that there are when there is none.
        """
        site = SockJSMultiFactory(clock=MemoryReactor())
        chat = site.addFactory(Factory.forProtocol(Echo), "a/chat")
        site.addService(SockJSMultiplexResource(clock=MemoryReactor()), "many")
        memory = MemorySite(site)
        self.addCleanup(memory.stop)
        MemoryClient(memory).session(prefix="/a/chat")
        for prefix in ("a/chat", b"/a/chat/"):
            self.assertEqual(1, len(site.openSessions(prefix)))
        self.assertEqual(1, len(chat.openSessions()))
        self.assertEqual(0, len(site.openSessions("many")))
        error = self.assertRaises(PrefixError, site.openSessions, "chat")
        self.assertEqual(
            "no service is at 'chat'; there are: 'a/chat', 'many'", str(error)
        )

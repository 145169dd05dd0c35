"""Tests for `txsockjs.web.wire`: what is read off requests and connections."""

from __future__ import annotations

from typing import Any

from tests.support.serving import Echo, RecordingFactory, ServiceCase
from tests.support.sockets import Socket
from tests.support.wrappers import TLSCase
from txsockjs.factory import SockJSMultiFactory
from txsockjs.testing import MemoryReactor
from txsockjs.web.wire import wireOf

SECRET = "secret-id"

OPENING = {
    "xhr": ("POST", f"/000/{SECRET}/xhr"),
    "xhr_streaming": ("POST", f"/000/{SECRET}/xhr_streaming"),
    "eventsource": ("GET", f"/000/{SECRET}/eventsource"),
    "htmlfile": ("GET", f"/000/{SECRET}/htmlfile?c=f"),
    "jsonp": ("GET", f"/000/{SECRET}/jsonp?c=f"),
}


class SnapshotTests(ServiceCase):
    """
    ``transport.request``: the opening request.
    """

    def test_transports(self) -> None:
        """
        It names the transport, and has ``-`` where the session's id was: nothing in it
        shows the id.
        """
        for name, (method, path) in OPENING.items():
            self.serve(Echo)
            self.client.request(method, path)
            request = self.sessions[0].transport.request
            self.assertEqual(request.transport, name)
            self.assertEqual(request.path, f"/000/-/{name}")
            self.assertNotIn(SECRET, repr([request, request.args, request.headers]))

    def test_webSockets(self) -> None:
        """
        The same for both kinds of WebSocket; the raw one has no id.
        """
        self.serve(Echo)
        Socket(self.connect(), f"/000/{SECRET}/websocket?a=b")
        Socket(self.connect(), "/websocket?a=b")
        framed, raw = [each.transport.request for each in self.sessions]
        self.assertEqual(
            (framed.transport, framed.path), ("websocket", "/000/-/websocket")
        )
        self.assertEqual((raw.transport, raw.path), ("rawwebsocket", "/websocket"))
        self.assertEqual(framed.args, {"a": ("b",)})

    def test_escapedId(self) -> None:
        """
        An id that is percent-encoded is hidden as well, a slash in it too.
        """
        self.serve(Echo)
        self.post("/000/%73ecret%2Fid/xhr")
        self.assertEqual(self.sessions[0].transport.request.path, "/000/-/xhr")

    def test_prefix(self) -> None:
        """
        Under a prefix the prefix is part of the path.
        """
        factory = RecordingFactory(Echo)
        site = SockJSMultiFactory(clock=MemoryReactor())
        site.addFactory(factory, "a/b")
        self.listen(site)
        self.post(f"/a/b/000/{SECRET}/xhr")
        self.assertEqual(factory.sessions[0].transport.request.path, "/a/b/000/-/xhr")

    def test_rest(self) -> None:
        """
        Headers, cookies and arguments are there; it stays what it was.
        """
        self.serve(Echo)
        self.post("/0/s/xhr?a=1&a=%FF", b"", [("X-A", "b"), ("X-A", "c")])
        self.post("/0/s/xhr_send?a=2", b'["a"]', {"Cookie": "d=e"})
        request = self.sessions[0].transport.request
        self.assertEqual(request.headers["x-a"], ("b", "c"))
        self.assertEqual(request.args, {"a": ("1", "\ufffd")})
        self.assertEqual(request.cookies, {})
        self.assertFalse(request.secure)


class ConnectionCase(ServiceCase):
    def server(self) -> Any:
        """
        The server's side of the only connection.
        """
        reactor = self.site.reactor
        every = {*reactor.getReaders(), *reactor.getWriters()}
        (found,) = [each for each in every if each.getPeer().host == "192.0.2.7"]
        return found


class PendingTests(ConnectionCase):
    """
    How many bytes wait in this process.
    """

    def test_counted(self) -> None:
        """
        What was written and not taken by the network counts, to the byte.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), "/websocket")
        socket.connection.transport.pauseProducing()
        self.assertEqual(wireOf(self.server()).pending(), 0)
        self.sessions[0].transport.write(b"x" * 100_000)
        self.site.settle()
        self.assertEqual(wireOf(self.server()).pending(), 100_010 - self.site.room)
        socket.connection.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(wireOf(self.server()).pending(), 0)

    def test_nothing(self) -> None:
        """
        Where there is no transport, or one of another kind, nothing waits.
        """
        self.assertEqual(wireOf(None).pending(), 0)
        self.assertEqual(wireOf(object()).pending(), 0)


class SecurePendingTests(TLSCase):
    def test_counted(self) -> None:
        """
        What waits in TLS counts too.
        """
        self.start()
        socket = Socket(self.connectSecurely(), "/websocket")
        socket.connection.transport.transport.pauseProducing()
        session = self.sessions[0].transport._session
        self.sessions[0].transport.write(b"x" * 500_000)
        self.site.settle()
        self.assertGreater(session._receiver.pendingBytes(), 300_000)


class TakenTests(ConnectionCase):
    """
    What a peer takes shows.
    """

    def test_changes(self) -> None:
        """
        The number changes when the peer takes something, and not before.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), "/websocket")
        client = socket.connection.transport
        client.pauseProducing()
        self.sessions[0].transport.write(b"x" * 200_000)
        self.site.settle()
        before = wireOf(self.server()).taken()
        self.site.advance(1)
        self.assertEqual(wireOf(self.server()).taken(), before)
        client.doRead()
        self.site.settle()
        self.assertNotEqual(wireOf(self.server()).taken(), before)

    def test_held(self) -> None:
        """
        What a connection that was lost had to give is held by nobody.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), "/websocket")
        socket.connection.transport.pauseProducing()
        self.sessions[0].transport.write(b"x" * 200_000)
        self.site.settle()
        server = self.server()
        self.assertEqual(wireOf(server).held(), 200_010 - self.site.room)
        socket.connection.transport.abortConnection()
        self.site.settle()
        self.assertEqual((wireOf(server).held(), wireOf(server).pending()), (0, 0))

"""The life of a service as those see it who ask it for something."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.server import Site

import txsockjs
from tests.support.serving import Echo, RecordingFactory, ServiceCase
from txsockjs.core.service import LIVES, Life
from txsockjs.factory import SockJSFactory, SockJSResource
from txsockjs.testing import MemoryReactor

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}

PATHS = [
    "/",
    "/info",
    "/iframe.html",
    "/nothing",
    "/websocket",
    "/0/s/websocket",
    "/0/s/xhr",
    "/0/s/xhr_streaming",
    "/0/s/eventsource",
    "/0/s/htmlfile?c=f",
    "/0/s/jsonp?c=f",
    "/0/s/xhr_send",
    "/0/s/jsonp_send",
]


class CountedFactory(RecordingFactory):
    """
    Counts its starts and stops.
    """

    def __init__(self) -> None:
        super().__init__(Echo)
        self.calls: list[str] = []

    def startFactory(self) -> None:
        self.calls.append("start")

    def stopFactory(self) -> None:
        self.calls.append("stop")


class LifeCase(ServiceCase):
    """
    A service whose factory counts.
    """

    def start(self, **options: object) -> None:
        """
        Serve it.
        """
        self.factory, reactor = CountedFactory(), MemoryReactor()
        self.sessions = self.factory.sessions
        self.listen(self.make(options, reactor))

    def make(self, options: Any, reactor: MemoryReactor) -> Any:
        site = SockJSFactory(self.factory, options, clock=reactor)
        self.resource = site.services[""]
        return site

    def stop(self) -> None:
        self.site.site.doStop()
        self.site.settle()

    @property
    def life(self) -> Life:
        return self.resource.service.life


class StoppedTests(LifeCase):
    """
    Stopped stays stopped.
    """

    def test_everything(self) -> None:
        """
        A connection that was kept alive is answered with 503, whatever it asks for, and
        nothing is started.
        """
        self.start()
        connection = self.connect()
        connection.request("GET", "/info")
        self.stop()
        for path in PATHS:
            for method in "GET", "POST", "HEAD", "OPTIONS", "PUT":
                for headers in {}, HANDSHAKE:
                    response = connection.request(method, path, headers)
                    self.assertRefused(response, 503)
                    self.assertFalse(connection.closed)
        self.assertEqual(self.factory.calls, ["start", "stop"])
        self.assertEqual((self.sessions, self.life), ([], Life.STOPPED))

    def test_pipelined(self) -> None:
        """
        So is what came behind a poll that the stop has not dropped yet.
        """
        self.start()
        poll = b"POST /0/s/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        connection = self.connect()
        connection.send(poll + poll + poll)
        self.stop()
        self.assertTrue(connection.closed)
        self.assertEqual(self.factory.calls, ["start", "stop"])
        self.assertEqual(len(self.sessions[0].lost), 1)

    def test_body(self) -> None:
        """
        So is a request whose body was still coming.
        """
        self.start()
        self.open("s")
        connection = self.connect()
        connection.send(
            b"POST /0/s/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
        )
        self.stop()
        connection.send(b'["a"]')
        self.assertIn(b"503", connection.received)
        self.assertEqual(self.sessions[0].received, [])

    def test_heldSend(self) -> None:
        """
        A send that waits for a paused application is told that there is none.
        """
        self.start()
        session = self.open("s")
        session.transport.pauseProducing()
        response = self.post("/0/s/xhr_send", b'["a"]')
        self.assertFalse(response.finished)
        self.stop()
        self.assertRefused(response, 404)

    def test_again(self) -> None:
        """
        It is started again by ``doStart``, and by nothing else.
        """
        self.start()
        connection = self.connect()
        self.stop()
        self.assertEqual(connection.request("GET", "/info").status, 503)
        self.site.site.doStart()
        self.assertEqual(connection.request("GET", "/info").status, 200)
        self.assertEqual(self.factory.calls, ["start", "stop", "start"])

    def test_twice(self) -> None:
        """
        Stopped again, it stays as it is.
        """
        self.start()
        self.resource.stop()
        self.resource.stop()
        self.assertEqual(self.factory.calls, ["start", "stop"])


class DrainingTests(LifeCase):
    """
    ``closeSessions``.
    """

    def test_asked(self) -> None:
        """
        While it drains, it says 503 to what is new and to who looks after its health,
        and serves the sessions that it has.
        """
        self.start()
        session = self.client.session("xhr_streaming")
        polling = self.open("t")
        polling.transport.write(b"last words")
        closed = self.resource.closeSessions()
        for path in "/", "/info", "/0/new/xhr":
            method = "POST" if path.endswith("xhr") else "GET"
            response = self.connect().request(method, path)
            self.assertRefused(response, 503)
        self.assertIn("503", str(self.client.websocket("/0/s/websocket").ended))
        self.assertEqual(self.post("/0/t/xhr").body, b'a["last words"]\n')
        self.assertEqual(self.post("/0/t/xhr").body, b'c[1012,"Service Restart"]\n')
        self.site.advance(1)
        self.successResultOf(closed)
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.assertIs(self.life, Life.DRAINING)

    def test_twice(self) -> None:
        """
        Asked twice, both are told when it is done; after it, at once.
        """
        self.start()
        self.client.session("websocket")
        closed = [self.resource.closeSessions(), self.resource.closeSessions(4000, "x")]
        self.site.advance(1)
        closed += [self.resource.closeSessions()]
        self.assertEqual([self.successResultOf(each) for each in closed], [None] * 3)

    def test_stopped(self) -> None:
        """
        A stop in the middle of it ends the waiting.
        """
        self.start()
        self.open("s")
        closed = self.resource.closeSessions()
        self.assertNoResult(closed)
        self.stop()
        self.successResultOf(closed)
        self.successResultOf(self.resource.closeSessions())
        self.assertIs(self.life, Life.STOPPED)

    def test_startedAgain(self) -> None:
        """
        A start in the middle of it drops what is left of before, and serves.
        """
        self.start()
        session = self.open("s")
        closed = self.resource.closeSessions()
        self.resource.start()
        self.site.settle()
        self.successResultOf(closed)
        self.assertEqual(len(session.lost), 1)
        self.assertEqual((self.life, self.get("/info").status), (Life.RUNNING, 200))
        self.open("s")

    def test_beforeAnybody(self) -> None:
        """
        What drains before it has begun refuses, and is not started by who asks.
        """
        factory, reactor = CountedFactory(), MemoryReactor()
        resource = SockJSResource(factory, clock=reactor)
        self.listen(Site(resource, reactor=reactor))
        self.successResultOf(resource.closeSessions())
        self.assertRefused(self.get("/info"), 503)
        self.assertEqual(factory.calls, [])


class Stopper(Echo):
    """
    Stops its service where a test says.
    """

    where = ""
    deed: Any = None

    def at(self, where: str) -> None:
        if where == self.where:
            type(self).deed()

    def connectionMade(self) -> None:
        super().connectionMade()
        self.at("connectionMade")

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.at("dataReceived")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.at("connectionLost")


class StopInsideTests(LifeCase):
    """
    An application that stops its own service, from wherever it is called.
    """

    def test_anywhere(self) -> None:
        """
        Each session is told once, nothing is left, and the service is what it is then.
        """
        for deed, life in ("stop", Life.STOPPED), ("drain", Life.DRAINING):
            for where in "connectionMade", "dataReceived", "connectionLost":
                for transport in "websocket", "xhr_streaming", "xhr":
                    self.stopAt(where, deed, transport)
                    self.assertIs(self.life, life, (deed, where, transport))
                    self.site.advance(30)
                    lost = [len(session.lost) for session in self.sessions]
                    self.assertEqual(lost, [1] * len(lost), (deed, where, transport))
                    self.assertEqual(self.resource.service._ids, {})

    def stopAt(self, where: str, deed: str, transport: str) -> None:
        """
        Have two sessions, and the application do so in a call of the second's.
        """
        self.start()

        class Here(Stopper):
            pass

        self.factory.protocol = Here
        Here.deed = self.stop if deed == "stop" else self.resource.closeSessions
        self.client.session("xhr_streaming")
        Here.where = where
        session = self.client.session(transport)
        if where == "dataReceived":
            session.send("a")
        elif where == "connectionLost":
            session.abort()
        self.site.settle()


class OnePlaceTests(LifeCase):
    """
    One life, one table.
    """

    def test_onePlace(self) -> None:
        """
        It is changed in one place.
        """
        root = Path(txsockjs.__file__).parent
        places = [
            (path.name, node.name)
            for path in root.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.FunctionDef)
            and any(
                isinstance(target, ast.Attribute) and target.attr == "life"
                for part in ast.walk(node)
                if isinstance(part, ast.Assign | ast.AnnAssign)
                for target in getattr(part, "targets", None) or [part.target]
            )
        ]
        self.assertEqual(
            places, [("service.py", "__init__"), ("service.py", "_become")]
        )

    def test_noWayBack(self) -> None:
        """
        What is not in the table cannot happen.
        """
        for life, following in LIVES.items():
            for other in set(Life) - following:
                self.start()
                service = self.resource.service
                service.life = life
                self.assertRaises(RuntimeError, service._become, other)
                service.life = Life.RUNNING

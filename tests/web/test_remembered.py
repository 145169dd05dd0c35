"""Sessions that have ended, and clients that come for them all the same. (PROTOCOL 6.5,
6.6)"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT
from tests.support.serving import Echo, Recorder, ServiceCase
from txsockjs.core import service
from txsockjs.core.frames import INTERRUPTED
from txsockjs.core.memory import MAX_ENDINGS, MAX_ID, REMEMBERED, Endings
from txsockjs.testing import MemoryClient

RECEIVING = [
    ("POST", "xhr"),
    ("POST", "xhr_streaming"),
    ("GET", "eventsource"),
    ("GET", "htmlfile?c=f"),
    ("GET", "jsonp?c=f"),
]


class Closer(Recorder):
    """
    Closes at once.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.loseConnection(4000, "bye")


class RememberedTests(ServiceCase):
    """
    No application's new session begins in the middle of an old talk.
    """

    def end(self, how: str, id: str = "s") -> None:
        """
        Have a session that has ended, and that nobody was told of.
        """
        session = self.open(id)
        if how == "delay":
            self.site.advance(6)
        elif how == "network":
            waiting = self.connect()
            waiting.request("POST", f"/0/{id}/xhr")
            waiting.abort()
        elif how == "close":
            session.transport.loseConnection(4000, "bye")
            self.site.advance(6)
        else:
            session.transport.abortConnection()
            self.site.settle()
        self.assertEqual(len(session.lost), 1)

    def assertTold(self, text: str, id: str = "s", **kw: Any) -> None:
        """
        Whatever comes to receive is told so, in a response that is complete, and has
        no session.
        """
        made = len(self.sessions)
        for method, transport in RECEIVING:
            response = self.client.request(method, f"/0/{id}/{transport}")
            self.assertRefused(response, 200)
            self.assertIn(text, response.body.decode().replace("\\", ""), transport)
            self.assertHeaders(response, Access_Control_Allow_Origin="*")
        self.assertEqual(len(self.sessions), made)

    def test_told(self) -> None:
        """
        After the disconnect delay, a lost connection or ``abortConnection``, who comes
        to receive is told 1002, as often as he comes.
        """
        for how in "delay", "network", "abort":
            self.serve(Echo)
            self.end(how)
            self.assertTold('c[1002,"Connection interrupted"]')
            self.assertTold('c[1002,"Connection interrupted"]')

    def test_closed(self) -> None:
        """
        Where the application had closed and nobody came for that, its close frame is
        what is told.
        """
        self.serve(Echo)
        self.end("close")
        self.assertTold('c[4000,"bye"]')

    def test_sends(self) -> None:
        """
        What is sent to such a session is 404, as to one that never was.
        """
        for how in "delay", "network", "abort":
            self.serve(Echo)
            self.end(how)
            for sending in "xhr_send", "jsonp_send":
                self.assertRefused(self.post(f"/0/s/{sending}", b'["a"]'), 404)
            self.assertEqual(self.sessions[0].received, [])

    def test_forAWhile(self) -> None:
        """
        Coming for it does not prolong that: then the id is a new one.
        """
        self.serve(Echo)
        self.end("abort")
        self.site.advance(REMEMBERED - 1)
        self.assertTold("1002")
        self.site.advance(1)
        self.open("s")

    def test_afterARestart(self) -> None:
        """
        A service that was stopped and started again knows nothing of it.
        """
        self.serve(Echo)
        self.end("abort")
        self.site.site.doStop()
        self.site.site.doStart()
        self.open("s")

    def test_sockets(self) -> None:
        """
        WebSockets are outside all this: they neither ask nor leave anything.
        """
        self.serve(Echo)
        self.end("abort")
        socket = self.client.websocket("/0/s/websocket")
        self.assertEqual(socket.messages, ["o"])
        other = self.client.websocket("/0/t/websocket")
        other.abort()
        self.open("t")

    def test_verifyIP(self) -> None:
        """
        With ``verify_ip``, it is told to whom the session was, and 404 to others.
        """
        self.serve(Echo, verify_ip=True)
        for how in "delay", "network", "abort", "close":
            self.end(how, how)
            other = MemoryClient(self.site, IPv4Address("TCP", "192.0.2.8", 1))
            for method, transport in RECEIVING:
                response = other.request(method, f"/0/{how}/{transport}")
                self.assertRefused(response, 404)
            self.assertTold("4000" if how == "close" else "1002", how)

    def test_longIds(self) -> None:
        """
        What has too long an id is not remembered.
        """
        self.serve(Echo)
        self.end("abort", "s" * MAX_ID)
        self.assertTold("1002", "s" * MAX_ID)
        self.end("abort", "s" * (MAX_ID + 1))
        self.open("s" * (MAX_ID + 1))

    def test_bounded(self) -> None:
        """
        Of so many, the first are forgotten.
        """
        self.serve(Echo)
        for number in range(3):
            self.end("abort", f"s{number}")
        resource: Any = self.site.site
        endings = resource.services[""].service._endings
        for number in range(MAX_ENDINGS - 2):
            endings.add(b"%d" % number, None)
        self.open("s0")
        self.assertTold("1002", "s1")
        self.assertEqual(len(endings), MAX_ENDINGS)

    def test_again(self) -> None:
        """
        One that ends again counts as one of the last.
        """
        endings = Endings(Clock())
        for id in b"a", b"b", b"a":
            endings.add(id, INTERRUPTED)
        for number in range(MAX_ENDINGS - 1):
            endings.add(b"%d" % number, INTERRUPTED)
        self.assertIs(endings.get(b"a"), INTERRUPTED)
        self.assertIsNone(endings.get(b"b"))

    def test_notRefused(self) -> None:
        """
        Who left before it was known whether he is let in may come again.
        """
        answers: list[Any] = [Deferred(), "bob"]
        self.serve(Echo, authorize=lambda request: answers.pop(0))
        connection = self.connect()
        connection.request("POST", "/0/s/xhr")
        connection.abort()
        self.open("s")


class DocumentTests(SynchronousTestCase):
    """
    What docs/limits.rst says of it.
    """

    def test_numbers(self) -> None:
        """
        It has the numbers that hold.
        """
        text = " ".join((ROOT / "docs/limits.rst").read_text("utf-8").split())
        for said in (
            f"* {service.MAX_CLOSED:,} that have told their end",
            f"how {MAX_ENDINGS:,} have ended, for {REMEMBERED:.0f} seconds",
            f"Ids of more than {MAX_ID} bytes are not remembered",
        ):
            self.assertIn(said, text)


class ClosedTests(ServiceCase):
    """
    Sessions that have told their end stay to tell it again.
    """

    def test_many(self) -> None:
        """
        They are not many at once, however many come over one connection; the others
        are remembered, and tell their end too.
        """
        self.patch(service, "MAX_CLOSED", 100)
        self.serve(Closer)
        connection = self.connect()

        def close(number: int) -> None:
            poll = connection.request("POST", f"/0/s{number}/xhr")
            self.assertEqual(poll.body, b"o\n")
            poll = connection.request("POST", f"/0/s{number}/xhr")
            self.assertEqual(poll.body, b'c[4000,"bye"]\n')
            connection.received = b""

        def closeAll(*numbers: int) -> int:
            for number in range(*numbers):
                close(number)
                self.sessions.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        grown = -closeAll(100) + closeAll(100, 300)
        self.assertLess(grown, 200 * 1500)
        resource: Any = self.site.site
        self.assertEqual(len(resource.services[""].service._ids), 100)
        for number in 0, 99, 100, 299:
            response = connection.request("POST", f"/0/s{number}/xhr")
            self.assertEqual(response.body, b'c[4000,"bye"]\n')
        self.assertEqual(len(self.sessions), 0)

    def test_abortInConnectionLost(self) -> None:
        """
        An application that aborts when it hears of the end does not take it from those
        who come for it.
        """

        class Aborting(Closer):
            def connectionLost(self, reason: Any = None) -> None:
                super().connectionLost(reason)
                self.transport.abortConnection()

        self.serve(Aborting)
        self.open("s")
        for _ in range(2):
            self.assertEqual(self.post("/0/s/xhr").body, b'c[4000,"bye"]\n')
        self.assertEqual(len(self.sessions[0].lost), 1)

"""How long a connection of a Site's may be idle between two requests."""

from __future__ import annotations

import math
from typing import Any

from h2.errors import ErrorCodes
from hyperframe.frame import SettingsFrame
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.protocols.wire import Echo

from tests.support.http2 import HTTP2Case, headers
from tests.support.serving import ServiceCase
from txsockjs.errors import OptionError
from txsockjs.factory import SockJSFactory, SockJSMultiFactory
from txsockjs.testing import MemoryConnection, MemoryReactor
from txsockjs.testing.network import connect
from txsockjs.testing.site import CLIENT, SERVER

_GET = b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n"


class IdleTests(ServiceCase):
    """
    An HTTP/1 connection.
    """

    def asked(self, **site: Any) -> MemoryConnection:
        """
        A connection with one answer on it, at a Site.
        """
        self.siteOptions = site
        self.serve()
        connection = self.connect()
        connection.send(_GET)
        return connection

    def lifetime(self, connection: MemoryConnection) -> int:
        """
        For how many seconds it is still there.
        """
        for seconds in range(400):
            if connection.closed:
                return seconds
            self.site.advance(1)
        return -1

    def test_default(self) -> None:
        """
        It is there for 75 seconds, which is longer than the 60 of proxies, from each
        answer on.
        """
        connection = self.asked()
        self.site.advance(74)
        self.assertFalse(connection.closed)
        connection.send(_GET)
        self.assertEqual(2, connection.received.count(b"200 OK"))
        self.assertEqual(75, self.lifetime(connection))

    def test_chosen(self) -> None:
        """
        Any time will do, whether it is longer or shorter than the other time-outs.
        """
        for seconds in (5, 59, 60, 61, 200):
            self.assertEqual(seconds, self.lifetime(self.asked(keep_alive=seconds)))
        connection = self.asked(keep_alive=90, timeout=7)
        self.assertEqual(90, self.lifetime(connection))
        connection = self.asked(keep_alive=90, timeout=None)
        self.assertEqual(90, self.lifetime(connection))

    def test_never(self) -> None:
        """
        None is no limit, and the other limits hold.
        """
        connection = self.asked(keep_alive=None)
        self.assertEqual(-1, self.lifetime(connection))
        connection.send(b"GET /info")
        self.assertEqual(60, self.lifetime(connection))

    def test_nothingAsked(self) -> None:
        """
        A connection on which no request has come has the other time-out.
        """
        for site in ({}, {"keep_alive": 300}, {"keep_alive": None}):
            self.siteOptions = site
            self.serve()
            self.assertEqual(60, self.lifetime(self.connect()))

    def test_partOfARequest(self) -> None:
        """
        From its first byte on, a further request has the other time-out for each of its
        parts: more where the time for idle connections is nearly over, and no more
        where that is long.
        """
        beginnings = [
            b"GE",
            b"GET /info HTTP/1.1\r\n",
            b"GET /info HTTP/1.1\r\nHost: a\r\nX: ",
            b"POST /0/s/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[",
        ]
        for beginning in beginnings:
            for idle, before in [(10, 9), (300, 200)]:
                connection = self.asked(keep_alive=idle, timeout=30)
                self.site.advance(before)
                connection.send(beginning)
                self.assertEqual(30, self.lifetime(connection), beginning)

    def test_afterALongRequest(self) -> None:
        """
        After a request that came line by line the time is the same.
        """
        connection = self.asked(keep_alive=40, timeout=20)
        connection.send(b"POST /0/s/xhr HTTP/1.1\r\n")
        self.site.advance(19)
        connection.send(b"Host: a\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b"\r\n\r\no\n", connection.received)
        self.assertEqual(40, self.lifetime(connection))

    def test_pipelined(self) -> None:
        """
        So it is after several requests at once.
        """
        connection = self.asked(keep_alive=40)
        connection.send(_GET * 3)
        self.assertEqual(4, connection.received.count(b"200 OK"))
        self.assertEqual(40, self.lifetime(connection))

    def test_notTaken(self) -> None:
        """
        Whoever does not take its answer has no more time for that than before.
        """
        self.siteOptions = {"keep_alive": 1000}
        self.serve(timeout=10_000)
        self.open().transport.write(b"x" * 1_000_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        connection.request("POST", "/0/s1/xhr")
        self.site.advance(200)
        connection.transport.resumeProducing()
        self.site.settle()
        self.assertTrue(connection.closed)
        self.assertLess(len(connection.received), 1_000_000)

    def test_takenLate(self) -> None:
        """
        The time begins when the answer was taken, as far as that was seen.
        """
        self.siteOptions = {"keep_alive": 100, "timeout": 20}
        self.serve(timeout=10_000)
        self.open().transport.write(b"x" * 1_000_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        response = connection.request("POST", "/0/s1/xhr")
        self.site.advance(19)
        connection.transport.resumeProducing()
        self.site.settle()
        self.assertTrue(response.finished)
        self.assertIn(self.lifetime(connection), range(100, 122))

    def test_haproxy(self) -> None:
        """
        It is the same behind the PROXY protocol.
        """
        self.siteOptions = {"keep_alive": 90}
        self.serve()
        site: Any = self.site.site
        wrapped = HAProxyWrappingFactory(site).buildProtocol(CLIENT)
        connection = MemoryConnection(self.site.reactor)
        connect(self.site.reactor, wrapped, SERVER, connection, CLIENT, 65536, False)
        connection.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 5000 80\r\n" + _GET)
        self.assertIn(b"200 OK", connection.received)
        self.assertEqual(90, self.lifetime(connection))

    def test_tls(self) -> None:
        """
        It is the same over TLS.
        """
        self.siteOptions = {"keep_alive": 90}
        self.serve()
        connection = self.connect(secure=True)
        connection.send(_GET)
        self.assertEqual(90, self.lifetime(connection))

    def test_values(self) -> None:
        """
        A time that is none is refused by name; text is taken as on a command line.
        """
        for wrong in (0, -1, math.nan, math.inf, "soon", True, []):
            for kind in (SockJSMultiFactory, lambda **kw: SockJSFactory(Echo, **kw)):
                error = self.assertRaises(
                    OptionError, kind, clock=MemoryReactor(), keep_alive=wrong
                )
                self.assertIn(f"'keep_alive': {wrong!r} will not do", str(error))
        for value, time in [("90", 90.0), ("none", None), (None, None), (1, 1.0)]:
            value_: Any = value
            site = SockJSMultiFactory(clock=MemoryReactor(), keep_alive=value_)
            self.assertEqual(time, site.keepAlive)


class HTTP2IdleTests(HTTP2Case):
    """
    An HTTP/2 connection.
    """

    def lifetime(self, wire: Any) -> int:
        """
        For how many seconds it is still there.
        """
        for seconds in range(400):
            if wire.closed:
                self.assertEqual(ErrorCodes.NO_ERROR, wire.goaway)
                return seconds
            self.site.advance(1)
        return -1

    def test_chosen(self) -> None:
        """
        Without a stream it is there for that time, whatever the other time-out.
        """
        cases: list[tuple[dict[str, Any], int]] = [
            ({}, 75),
            ({"keep_alive": 5}, 5),
            ({"keep_alive": 200}, 200),
            ({"keep_alive": None}, -1),
            ({"keep_alive": 90, "timeout": None}, 90),
            ({"keep_alive": 90, "timeout": 7}, 90),
        ]
        for site, seconds in cases:
            self.siteOptions = site
            wire = self.wire()
            wire.send(headers(1, "/info"))
            self.assertEqual(seconds, self.lifetime(wire), site)

    def test_nothingAsked(self) -> None:
        """
        One on which no request has come has the other time-out.
        """
        self.siteOptions = {"keep_alive": 300}
        self.assertEqual(60, self.lifetime(self.wire()))

    def test_streams(self) -> None:
        """
        A stream for which there is no room is given up as before.
        """
        self.siteOptions = {"keep_alive": 1000}
        wire = self.wire(heartbeat=0)
        wire.send(headers(1, "/0/s/eventsource"), SettingsFrame(0, {4: 0}))
        self.site.settle()
        self.sessions[0].transport.write(b"a")
        self.site.advance(130)
        self.assertEqual(1, len(self.sessions[0].lost))

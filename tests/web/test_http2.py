"""Tests for `txsockjs.web.site` and the transports over HTTP/2."""

from __future__ import annotations

from itertools import cycle
from struct import pack

from h2.errors import ErrorCodes
from hyperframe.frame import (
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from tests.support.http2 import (
    PREFACE,
    Browser,
    HTTP2Case,
    NegotiatedServer,
    Wire,
    headers,
)
from tests.support.serving import Echo
from txsockjs.testing import MemoryReactor, MemorySite, network
from txsockjs.transports.resource import SockJSResource
from txsockjs.web.http2machine import Machine


class HTTP2Tests(HTTP2Case):
    """
    The HTTP transports travel on HTTP/2, under the same limits.
    """

    def test_poll(self) -> None:
        """
        A session is opened, spoken to and heard on one connection.
        """
        browser = self.browse()
        opened = browser.request("POST", "/0/s/xhr")
        poll = browser.request("POST", "/0/s/xhr")
        sent = browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(browser.bodies[opened], b"o\n")
        self.assertEqual(browser.bodies[poll], b'a["a"]\n')
        self.assertEqual(browser.status[sent], "204")

    def test_streaming(self) -> None:
        """
        Streaming arrives at once, and the response ends at its limit.
        """
        browser = self.browse(streaming_limit=100)
        stream = browser.request("GET", "/0/s/eventsource")
        browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(
            browser.bodies[stream], b'\r\ndata: o\r\n\r\ndata: a["a"]\r\n\r\n'
        )
        browser.request("POST", "/0/s/xhr_send", b'["%b"]' % (b"x" * 100))
        self.assertEqual(browser.ended[stream], "end")

    def test_streamOutlivesTheIdleTimeout(self) -> None:
        """
        A stream with nothing but heartbeats on it goes on.
        """
        browser = self.browse()
        browser.request("GET", "/0/s/eventsource")
        self.site.advance(500)
        browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(self.sessions[0].received, [b"a"])
        self.assertFalse(browser.closed)

    def test_slowPoll(self) -> None:
        """
        The disconnect delay counts from when a poll's answer was delivered; the server
        sleeps until the browser makes room for more of it.
        """
        browser = self.browse()
        browser.request("POST", "/0/s/xhr")
        self.sessions[0].transport.write(b"x" * 200_000)
        browser.reads = False
        poll = browser.request("POST", "/0/s/xhr")
        for _ in range(3):
            self.site.advance(12)
            browser.read(poll)
            self.site.settle()
        self.assertEqual(len(browser.bodies[poll]), 200_006)
        self.assertEqual(self.sessions[0].lost, [])

    def test_stuck(self) -> None:
        """
        A stream from which nothing is taken between two heartbeats is given up.
        """
        browser = self.browse(streaming_limit=10**9)
        browser.reads = False
        stream = browser.request("GET", "/0/s/eventsource")
        self.sessions[0].transport.write(b"x" * 200_000)
        for _ in range(80):
            # Other traffic keeps the connection itself alive.
            browser.h2.ping(b"12345678")
            browser.flush()
            self.site.advance(1)
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertEqual(browser.ended, {stream: "reset"})

    def test_receiverReset(self) -> None:
        """
        A stream that the browser resets is a receiver that vanished.
        """
        browser = self.browse()
        stream = browser.request("GET", "/0/s/eventsource")
        browser.h2.reset_stream(stream)
        browser.flush()
        self.site.settle()
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_abort(self) -> None:
        """
        An aborted session resets its own stream, and no other.
        """
        browser = self.browse()
        first = browser.request("GET", "/0/s/eventsource")
        second = browser.request("GET", "/0/t/eventsource")
        self.sessions[0].transport.abortConnection()
        self.site.settle()
        self.assertEqual(browser.ended, {first: "reset"})
        browser.request("POST", "/0/t/xhr_send", b'["a"]')
        self.assertIn(b'a["a"]', browser.bodies[second])

    def test_abortMeetsReset(self) -> None:
        """
        A stream that both sides reset at the same time is reset, and that is all.
        """
        browser = self.browse()
        stream = browser.request("GET", "/0/s/eventsource")
        transport = self.sessions[0].transport
        self.sessions[0].dataReceived = lambda data: transport.abortConnection()
        sender = browser.request("POST", "/0/s/xhr_send", None)
        browser.h2.send_data(sender, b'["a"]', end_stream=True)
        browser.h2.reset_stream(stream)
        browser.flush()
        self.site.settle()
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_upgrade(self) -> None:
        """
        A WebSocket handshake is refused on HTTP/2, and the connection serves on.
        """
        browser = self.browse()
        stream = browser.request("GET", "/websocket")
        self.assertEqual(browser.status[stream], "400")
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")

    def test_bodyAnnounced(self) -> None:
        """
        A body whose length is above the limit gets 413, and its session lives.
        """
        browser = self.browse(max_message_size=1000)
        browser.request("POST", "/0/s/xhr")
        length = ("content-length", "1001")
        stream = browser.request("POST", "/0/s/xhr_send", b"x" * 1001, length)
        self.assertEqual(browser.status[stream], "413")
        self.assertEqual(browser.ended[stream], "end")
        sent = browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(browser.status[sent], "204")
        self.assertEqual(self.sessions[0].received, [b"a"])

    def test_bodyWithoutEnd(self) -> None:
        """
        A body that is too large is refused at once, and its stream reset if it goes on.
        """
        browser = self.browse(max_message_size=1000)
        stream = browser.request("POST", "/0/s/xhr_send", None)
        browser.send(stream, b"x" * 60000)
        self.assertEqual(browser.status[stream], "413")
        self.site.advance(20)
        self.assertEqual(browser.ended[stream], "reset")
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_bodyTrickles(self) -> None:
        """
        A request that does not come to its end is reset, and no other.
        """
        browser = self.browse()
        other = browser.request("GET", "/0/s/eventsource")
        stream = browser.request("POST", "/0/s/xhr_send", None)
        for _ in range(70):
            if stream not in browser.ended:
                browser.send(stream, b"x")
            self.site.advance(1)
        self.assertEqual(browser.ended, {stream: "reset"})
        self.assertIn(b"h", browser.bodies[other])

    def test_connectionLost(self) -> None:
        """
        A connection that is lost in the middle of a body leaves no timer behind.
        """
        browser = self.browse()
        browser.request("POST", "/0/s/xhr_send", None)
        browser.transport.abortConnection()
        self.site.settle()
        self.assertEqual(self.flushLoggedErrors(), [])


class TimeTests(HTTP2Case):
    """
    How long an HTTP/2 connection and its streams live.
    """

    def test_anyHeartbeat(self) -> None:
        """
        While a stream is answered the connection is not idle, whatever the heartbeat.
        """
        for heartbeat in (0, 100):
            wire = self.wire(heartbeat=heartbeat)
            wire.send(headers(1, "/0/s/eventsource"))
            self.site.advance(1000)
            self.assertFalse(wire.closed)
            self.assertEqual(self.sessions[0].lost, [])
            self.sessions[0].transport.write(b"a")
            self.site.settle()
            self.assertIn(b'a["a"]', wire.frames[-1].data)

    def test_idle(self) -> None:
        """
        A connection without streams ends after the time of idle ones.
        """
        wire = self.wire()
        self.site.advance(50)
        wire.send(headers(1, "/info"))
        self.site.advance(74)
        self.assertFalse(wire.closed)
        self.site.advance(1)
        self.assertEqual((wire.closed, wire.goaway), (True, ErrorCodes.NO_ERROR))

    def test_trickle(self) -> None:
        """
        A frame that never comes whole, and headers without end, keep no connection.
        """
        for beginning in [b"\0\0\xff\6\0\0\0\0\0", HeadersFrame(1).serialize()]:
            wire = self.wire()
            wire.transport.write(beginning)
            for _ in range(70):
                wire.transport.write(b"\0")
                self.site.advance(1)
            self.assertTrue(wire.closed)

    def test_pings(self) -> None:
        """
        A connection on which there are pings is not idle.
        """
        wire = self.wire()
        for _ in range(10):
            self.site.advance(40)
            wire.send(PingFrame(0, b"12345678"))
        self.assertFalse(wire.closed)

    def test_noWindow(self) -> None:
        """
        Without a heartbeat too, a stream for which there is no room is given up, and
        one beside it is not.
        """
        wire = self.wire(heartbeat=0)
        wire.send(headers(1, "/0/s/eventsource"), SettingsFrame(0, {4: 0}))
        wire.send(headers(3, "/0/t/eventsource"), WindowUpdateFrame(3, 65535))
        self.site.settle()
        for session in self.sessions:
            session.transport.write(b"a")
        self.site.advance(130)
        self.assertEqual([len(each.lost) for each in self.sessions], [1, 0])
        self.assertEqual(wire.answers, {1: "reset", 3: "200"})

    def test_notRead(self) -> None:
        """
        A connection of which nothing is read is given up, with all of its streams.
        """
        wire = self.wire(heartbeat=0, streaming_limit=10**9)
        wire.send(WindowUpdateFrame(0, 2**30), SettingsFrame(0, {4: 2**30}))
        wire.send(headers(1, "/0/s/eventsource"))
        self.site.settle()
        wire.transport.pauseProducing()
        self.sessions[0].transport.write(b"x" * 300_000)
        self.site.advance(130)
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertEqual(self.warned, [])

    def test_notReadAtTheEnd(self) -> None:
        """
        A connection that is closing is given up when its peer takes nothing.
        """
        wire = self.wire()
        transport = self.server.transport
        wire.transport.pauseProducing()
        # More than the network holds, and less than makes the server stop reading.
        wire.send(*(PingFrame(0, b"12345678") for _ in range(4200)))
        wire.transport.write(b"\xff" * 9)
        self.site.settle()
        self.assertTrue(transport.connected)
        self.site.advance(31)
        self.assertFalse(transport.connected)


class EndTests(HTTP2Case):
    """
    A client that says goodbye.
    """

    def test_goodbye(self) -> None:
        """
        What has begun before a client's GOAWAY is completed, and then that is all.
        """
        wire = self.wire()
        wire.send(headers(1, "/0/s/xhr", method="POST"), headers(3, "/0/t/eventsource"))
        wire.send(headers(5, "/0/s/xhr", method="POST"), GoAwayFrame(0))
        self.site.settle()
        self.assertFalse(wire.closed)
        self.sessions[0].transport.write(b"a")
        self.sessions[1].transport.loseConnection()
        self.site.settle()
        self.assertEqual((wire.closed, wire.goaway), (True, ErrorCodes.NO_ERROR))
        self.assertEqual(set(wire.answers), {1, 3, 5})

    def said(self, wire: Wire) -> list[tuple[int, int]]:
        """
        Up to which stream the server answers, each time that it says so, and the code.
        """
        return [
            (frame.last_stream_id, frame.error_code)
            for frame in wire.frames
            if isinstance(frame, GoAwayFrame)
        ]

    def test_goAway(self) -> None:
        """
        Who is told, once, to make further requests elsewhere has those answered that
        were made before and are made meanwhile. In the end it learns which nobody has
        seen.
        """
        wire = self.wire()
        wire.send(headers(1, "/0/s/xhr_streaming", method="POST"))
        self.site.settle()
        connections = self.site.site.http2
        self.assertEqual(connections, {self.server})
        self.server.goAway()
        self.server.goAway()
        wire.send(headers(3, "/info"))
        self.site.settle()
        self.assertEqual(self.said(wire), [(2**31 - 1, ErrorCodes.NO_ERROR)])
        self.assertEqual(wire.answers, {1: "200", 3: "200"})
        self.sessions[0].transport.write(b"x")
        self.site.settle()
        stream = [each for each in wire.frames if isinstance(each, DataFrame)]
        self.assertEqual((stream[-1].stream_id, stream[-1].data), (1, b'a["x"]\n'))
        self.server.close()
        self.server.goAway()
        self.site.settle()
        self.assertEqual(self.said(wire)[1:], [(3, ErrorCodes.NO_ERROR)])
        self.assertEqual((wire.closed, connections), (True, set()))

    def test_draining(self) -> None:
        """
        So it is told in a service that closes its sessions, unless it asks for one of
        these.
        """
        wire = self.wire()
        wire.send(headers(1, "/0/s/xhr", method="POST"))
        self.site.settle()
        self.sessions[0].transport.write(b"x")
        self.site.site.closeSessions()
        wire.send(headers(3, "/0/s/xhr", method="POST"))
        self.site.settle()
        self.assertEqual((set(wire.answers), self.said(wire)), ({1, 3}, []))
        wire.send(headers(5, "/info"))
        self.site.settle()
        self.assertEqual(self.said(wire), [(2**31 - 1, ErrorCodes.NO_ERROR)])
        self.assertEqual(wire.answers[5], "503")

    def test_twisted(self) -> None:
        """
        Under Twisted's own Site, whose connections cannot say that, it is answered.
        """
        clock = MemoryReactor()
        service = SockJSResource(Factory.forProtocol(Echo), clock=clock)
        site = MemorySite(Site(service, reactor=clock))
        self.addCleanup(site.stop)
        self.patch(network, "SecureServer", NegotiatedServer)
        browser = site.connect(Browser(site), secure=True)
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")
        service.closeSessions()
        self.assertEqual(browser.status[browser.request("GET", "/info")], "503")
        service.stop()

    def test_lostInTheMiddle(self) -> None:
        """
        Wherever a connection is lost, nothing is left.
        """
        frames = [
            headers(1, "/0/s/eventsource"),
            headers(3, "/0/s/xhr_send", method="POST", ends=False),
            DataFrame(3, b'["a"]', flags=["END_STREAM"]),
            headers(5, "/0/t/xhr", method="POST"),
        ]
        data = b"".join(frame.serialize() for frame in frames)
        for size in range(0, len(data), 7):
            wire = self.wire()
            wire.transport.write(data[:size])
            self.site.settle()
            wire.transport.abortConnection()
            self.site.advance(100)
            self.assertEqual({len(each.lost) for each in self.sessions} - {1}, set())
        self.assertEqual(self.warned, [])

    def test_flow(self) -> None:
        """
        However little room is given, and however it comes in pieces, a response arrives
        whole.
        """
        wire = self.wire(max_buffer=10**6)
        wire.send(headers(1, "/0/s/xhr", method="POST"))
        self.site.settle()
        self.sessions[0].transport.write(b"x" * 100_000)
        wire.send(SettingsFrame(0, {4: 0}), headers(3, "/0/s/xhr", method="POST"))
        for room in cycle([1, 7000, 20_000]):
            if wire.received >= 100_006 + 2:
                break
            wire.send(WindowUpdateFrame(3, room), WindowUpdateFrame(0, room))
            self.site.settle()
        body = b"".join(f.data for f in wire.frames if f.stream_id == 3 and f.type == 0)
        self.assertEqual(body, b'a["%b"]\n' % (b"x" * 100_000))
        self.assertIn("END_STREAM", wire.frames[-1].flags)


class MachineTests(SynchronousTestCase):
    """
    What is kept of a peer's wishes.
    """

    def machine(self, *settings: tuple[int, int]) -> Machine:
        machine = Machine()
        machine.initiate_connection()
        machine.receive_data(PREFACE + SettingsFrame(0).serialize())
        for setting in settings:
            machine.receive_data(b"\0\0\6\4\0\0\0\0\0" + pack(">HL", *setting))
        return machine

    def test_unknownSettings(self) -> None:
        """
        Settings that are not known are not kept.
        """
        known = len(self.machine().remote_settings)
        many = [(setting, 1) for setting in range(0x100, 0x1000)]
        self.assertEqual(len(self.machine(*many).remote_settings), known)

    def test_table(self) -> None:
        """
        The table of an encoder is no larger than it was, however large it might be.
        """
        machine = self.machine((1, 2**32 - 1))
        self.assertEqual(machine.encoder.header_table_size, 4096)

    def test_tableChanges(self) -> None:
        """
        Of the sizes that a table was given, those that matter are kept, and told.
        """
        sizes = [100, 3000, 50, 4096, 2000, 2000]
        machine = self.machine(*((1, size) for size in sizes))
        self.assertEqual(machine.encoder.table_size_changes, [50, 2000])
        told = machine.encoder.encode([(":status", "200")])
        self.assertEqual(told, b"\x3f\x13\x3f\xb1\x0f\x88")

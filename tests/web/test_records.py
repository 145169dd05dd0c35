"""Tests for `txsockjs.web.records`, by what Twisted does of the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL.SSL import TLS1_2_VERSION, TLS1_3_VERSION, Connection, Error
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.protocols.tls import BufferingTLSTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.support.secure import Answering, Connected, Events
from txsockjs.web import records
from txsockjs.web.records import RecordTransport
from txsockjs.web.wire import TLSWire, Wire, wireOf


def echo(server: Answering, data: bytes) -> None:
    """
    Answer.
    """
    server.transport.write(data)


def echoAtOnce(server: Answering, data: bytes) -> None:
    """
    Answer, and not only at the next turn if what reads is ours.
    """
    transport = server.transport
    (wireOf(transport) if server.isOurs else transport).write(data)


def silent(server: Answering, data: bytes) -> None:
    """
    Do not answer.
    """


def leave(server: Answering, data: bytes) -> None:
    """
    Answer the first, and close the connection.
    """
    server.transport.write(b"bye")
    server.transport.loseConnection()


def abort(server: Answering, data: bytes) -> None:
    """
    Drop the connection.
    """
    server.transport.abortConnection()


def fail(server: Answering, data: bytes) -> None:
    """
    Be at fault with the first.
    """
    if len(server.events) == 1:
        raise ZeroDivisionError


def pause(server: Answering, data: bytes) -> None:
    """
    Read no more for some time.
    """
    transport = server.transport
    transport.pauseProducing()
    server.events.append(("paused", None))
    transport.factory._clock.callLater(1, transport.resumeProducing)


@implementer(IPushProducer)
class Pouring:
    """
    What writes until it is told not to, and some more when it may.
    """

    def __init__(self, server: Answering) -> None:
        self.server = server
        self.left = 40

    def resumeProducing(self) -> None:
        self.server.events.append(("resumed", None))
        self.write()

    def pauseProducing(self) -> None:
        self.server.events.append(("full", None))
        self.paused = True

    def stopProducing(self) -> None:
        self.left = 0

    def write(self) -> None:
        """
        Write until it is full.
        """
        self.paused = False
        while self.left and not self.paused:
            self.left -= 1
            self.server.transport.write(bytes([self.left]) * 20_000)
        if not self.left:
            self.server.transport.unregisterProducer()
            self.server.transport.loseConnection()


def pour(server: Answering, data: bytes) -> None:
    """
    Answer the first with much, as fast as it goes.
    """
    if len(server.events) > 1:
        return
    producer = Pouring(server)
    consumer: IConsumer = server.transport
    consumer.registerProducer(producer, True)  # type: ignore[no-untyped-call]
    producer.write()


# Scripts


def whole(connected: Connected) -> None:
    for size in (1, 2, 80, 16_384):
        connected.send(connected.client.record(b"a" * size))


def several(connected: Connected) -> None:
    record = connected.client.record
    connected.send(record(b"one") + record(b"two") + record(b"three"))
    connected.send(record(b"x" * 70_000))


def cutAnywhere(connected: Connected) -> None:
    record = connected.client.record
    first = record(b"a") + record(b"bc")
    connected.send(first)
    for cut in range(len(first)):
        data = record(b"a") + record(b"bc")
        connected.send(data[:cut])
        connected.send(data[cut:])


def byteByByte(connected: Connected) -> None:
    connected.reactor.segment = repeat(1).__next__
    connected.send(connected.client.record(b"one") + connected.client.record(b"two"))
    connected.send(connected.client.record(b"") + connected.client.record(b"three"))


def endInOrder(connected: Connected) -> None:
    connected.send(connected.client.record(b"last"))
    connected.send(connected.client.goodbye())


def endWithText(connected: Connected) -> None:
    connected.send(connected.client.record(b"last") + connected.client.goodbye())


def endAbruptly(connected: Connected) -> None:
    connected.send(connected.client.record(b"a"))
    connected.client.transport.write(connected.client.record(b"last"))
    connected.client.transport.loseConnection()
    connected.site.settle()


def endInside(connected: Connected) -> None:
    connected.client.transport.write(connected.client.record(b"last")[:-1])
    connected.client.transport.loseConnection()
    connected.site.settle()


def reset(connected: Connected) -> None:
    connected.send(connected.client.record(b"a"))
    connected.client.transport.abortConnection()
    connected.site.settle()


def halfClose(connected: Connected) -> None:
    connected.client.transport.write(connected.client.record(b"last"))
    connected.client.transport.loseWriteConnection()
    connected.site.settle()


def spoiled(record: bytes) -> bytes:
    """
    A record of which one bit is another.
    """
    return record[:-1] + bytes([record[-1] ^ 1])


def fault(connected: Connected) -> None:
    connected.send(connected.client.record(b"good"))
    connected.send(spoiled(connected.client.record(b"bad")))
    connected.send(connected.client.record(b"behind"))


def faultBehind(connected: Connected) -> None:
    good, bad = connected.client.record(b"good"), connected.client.record(b"bad")
    connected.send(good + spoiled(bad) + connected.client.record(b"behind"))


def noRecord(connected: Connected) -> None:
    connected.send(b"GET / HTTP/1.1\r\n\r\n")


def larger(connected: Connected) -> None:
    connected.send(b"\x17\x03\x03\xff\xff" + bytes(0xFFFF))


def again(connected: Connected) -> None:
    with contextlib.suppress(Error):
        # TLS 1.3 has no such thing, and nobody has to allow it.
        connected.client.tls.renegotiate()
        connected.client.tls.do_handshake()
    connected.send(connected.client.drain())


def toSend(connected: Connected) -> None:
    # As what OpenSSL itself has to say.
    connected.server.transport.getHandle().send(b"also")
    connected.send(connected.client.record(b"a"))


def buffered(connected: Connected) -> None:
    # As what could not be encrypted before something came.
    connected.server.transport._bufferedWrite(b"also")
    connected.send(connected.client.record(b"a"))


def waiting(connected: Connected) -> None:
    connected.send(connected.client.record(b"x" * 100_000))
    connected.reactor.advance(9)
    connected.send(connected.client.record(b"and more"))
    connected.reactor.advance(9)


def slowly(connected: Connected) -> None:
    connected.client.transport.pauseProducing()
    connected.send(connected.client.record(b"pour"))
    connected.send(connected.client.record(b"meanwhile"))
    connected.client.transport.resumeProducing()
    connected.site.settle()
    connected.send(connected.client.goodbye())


RUNNING = [whole, several, cutAnywhere, byteByByte]
SCRIPTS = [
    *RUNNING,
    *(endInOrder, endWithText, endAbruptly, endInside, reset, halfClose),
    *(fault, faultBehind, noRecord, larger, again, toSend, buffered),
]
PAIRS = [
    *((script, echoAtOnce) for script in RUNNING),
    *((script, answer) for script in SCRIPTS for answer in (echo, silent)),
    *((script, answer) for script in SCRIPTS for answer in (leave, abort, fail)),
    *((script, pause) for script in (waiting, endWithText, endAbruptly)),
    (slowly, pour),
]


class SameTests(SynchronousTestCase):
    """
    Both sides see the same of a connection, whoever reads it.
    """

    def events(self, *how: Any) -> tuple[Events, Events]:
        """
        What both sides see of a script.
        """
        script, *rest = how
        connected = Connected(*rest)
        script(connected)
        connected.site.stop()
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(connected.factory.protocols, {})
        return connected.server.events, connected.client.events

    def compare(self, version: int) -> Iterator[Events]:
        """
        Go through all of it.
        """
        for script, answer in PAIRS:
            name = f"{script.__name__}, {answer.__name__}"
            expected = self.events(script, answer, False, version)
            self.assertEqual(self.events(script, answer, True, version), expected, name)
            yield [*expected[0], *expected[1]]

    def test_current(self) -> None:
        """
        So it is with TLS 1.3, and of what may happen, all has.
        """
        found = {what for events in self.compare(TLS1_3_VERSION) for what, _ in events}
        self.assertEqual(
            found,
            {"data", "lost", "text", "goodbye", "fault", "paused", "full", "resumed"},
        )

    def test_older(self) -> None:
        """
        So it is with TLS 1.2.
        """
        self.assertEqual(len([*self.compare(TLS1_2_VERSION)]), len(PAIRS))


class ReadingTests(SynchronousTestCase):
    """
    What is read in this way.
    """

    def test_fewer(self) -> None:
        """
        Of pyOpenSSL, which raises when there is nothing, nothing is asked for a message
        in one record, in either direction; it is if there is a part of another.
        """
        connected = Connected(echoAtOnce, True, TLS1_3_VERSION)
        asked: list[str] = []
        for name in ("recv", "send", "bio_read", "bio_write"):
            original = getattr(Connection, name)

            def noting(*args: Any, name: str = name, original: Any = original) -> Any:
                if args[0] is connected.server.transport.getHandle():
                    asked.append(name)
                return original(*args)

            self.patch(Connection, name, noting)
        for text in (b"one", b"two"):
            connected.send(connected.client.record(text))
        self.assertEqual(asked, [])
        self.assertEqual(connected.client.events, [("text", b"onetwo")])
        connected.send(connected.client.record(b"three")[:-1])
        self.assertEqual(asked, ["recv", "bio_read"])

    def test_smallRecords(self) -> None:
        """
        A peer that wants records smaller than others gets what does not fit into one in
        further ones, and in order.
        """
        write = records._sslWrite
        self.patch(
            records,
            "_sslWrite",
            lambda ssl, data, size: write(ssl, data, min(size, 512)),
        )
        connected = Connected(echoAtOnce, True, TLS1_3_VERSION)
        text = bytes(range(256)) * 7
        connected.send(connected.client.record(text) + connected.client.record(b"end"))
        self.assertEqual(connected.client.events, [("text", text + b"end")])

    def test_faultOfAnother(self) -> None:
        """
        What OpenSSL says against a write is not left for the next connection, which it
        would be taken for a fault of.
        """
        connected = Connected(silent, True, TLS1_3_VERSION)
        connected.client.transport.pauseProducing()
        transport = connected.server.transport
        transport.loseConnection()
        wireOf(transport).write(b"late")
        self.assertTrue(transport.connected)
        self.assertEqual(Binding.lib.ERR_peek_error(), 0)

    def test_ours(self) -> None:
        """
        A connection that is read so is still Twisted's to whoever looks.
        """
        transport = Connected(echoAtOnce, True, TLS1_3_VERSION).server.transport
        self.assertIs(type(transport), RecordTransport)
        self.assertIsInstance(transport, BufferingTLSTransport)
        self.assertIs(type(wireOf(transport)), TLSWire)

    def test_without(self) -> None:
        """
        Where the binding has not all that is needed, everything goes Twisted's way.
        """
        self.patch(records, "_lib", None)
        connected = Connected(echo, False, TLS1_3_VERSION)
        self.assertIs(type(wireOf(connected.server.transport)), Wire)
        self.assertIs(type(connected.server.transport), BufferingTLSTransport)

    def test_otherTransport(self) -> None:
        """
        Somebody else's transport keeps its ways.
        """
        transport: Any = Connected(echo, False, TLS1_3_VERSION).server.transport
        transport.__class__ = type("Other", (BufferingTLSTransport,), {})
        self.assertIs(type(wireOf(transport)), Wire)

    def test_otherConnection(self) -> None:
        """
        So does somebody else's connection of OpenSSL's.
        """

        class Counting(Connection):
            pass

        self.patch(records, "Connection", Counting)
        transport = Connected(echo, False, TLS1_3_VERSION).server.transport
        self.assertIs(type(wireOf(transport)), Wire)

"""Any frames in any pieces, held against plain Autobahn with the same options."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOfferAccept
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from tests.support.serving import Recorder, RecordingFactory
from tests.support.sockets import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    frame,
    readFrames,
    upgrade,
)
from txsockjs import SessionClosed, SessionFailed
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

LIMIT = 20_000
MOST = 1250

FAULTS = (1002, 1007, 1009)

OFFERS = [
    None,
    "permessage-deflate",
    "permessage-deflate; client_no_context_takeover; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=10",
]

texts = st.text(st.one_of(st.characters(), st.sampled_from('"\\[],\ud800\u2028')))

#: What is SockJS's, much of it the same.
good = st.one_of(
    st.lists(texts, max_size=4).map(lambda each: json.dumps(each).encode()),
    st.sampled_from([b'["said before"]', b'"said before, and again"', b"", b"[]"]),
)

#: SockJS or not, UTF-8 or not, short and long, few messages and many.
payloads = st.one_of(
    good,
    texts.map(lambda text: json.dumps(text, ensure_ascii=False)).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=8),
    st.sampled_from([b" [ ] ", b'["a"', b"[1]", b"null", b'"\xc3\xa9"', b"[" * 4000]),
    st.sampled_from([125, 126, 127, 4095, 4096, LIMIT // 2, LIMIT, 2 * LIMIT]).map(
        lambda size: b'"' + b"x" * (size - 2) + b'"'
    ),
    st.sampled_from([MOST, MOST + 1]).map(
        lambda count: b"[" + b",".join([b'""'] * count) + b"]"
    ),
)

masks = st.binary(min_size=4, max_size=4)
control = st.builds(
    frame,
    st.binary(max_size=125),
    st.sampled_from([PING, PONG]),
    mask=masks,
)


class Message(NamedTuple):
    """
    A whole message.

    :ivar cuts: where it is cut into frames.
    :ivar between: what comes between two of them.
    :ivar deflate: whether it is compressed, if that may be.
    """

    payload: bytes
    opcode: int
    cuts: list[int]
    between: bytes
    mask: bytes
    deflate: bool

    def frames(self, deflater: Deflater | None) -> bytes:
        """
        Its bytes on the wire.
        """
        payload, rsv = self.payload, 0
        # Just at the limit, it depends on the cuts what Autobahn takes.
        if deflater is not None and self.deflate and len(payload) != LIMIT:
            payload, rsv = deflater.deflate(payload), 4
        found = pieces(payload, self.cuts)
        return self.between.join(
            frame(
                piece,
                0 if index else self.opcode,
                final=index == len(found) - 1,
                rsv=0 if index else rsv,
                mask=self.mask,
            )
            for index, piece in enumerate(found)
        )


def messagesOf(payloads: st.SearchStrategy[bytes]) -> st.SearchStrategy[Message]:
    """
    Messages that have these payloads.
    """
    return st.builds(
        Message,
        payloads,
        st.sampled_from([TEXT, TEXT, BINARY]),
        st.one_of(st.just([]), st.lists(st.integers(0, 10**6), max_size=3)),
        st.one_of(st.just(b""), control),
        masks,
        st.booleans(),
    )


closes = st.builds(
    lambda code, reason: frame(code + reason, CLOSE),
    st.one_of(
        st.just(b""),
        st.sampled_from([1000, 1001, 1005, 1011, 2999, 3000, 4000, 4999, 5000]).map(
            lambda code: code.to_bytes(2, "big")
        ),
        st.binary(max_size=2),
    ),
    st.one_of(
        st.just(b""),
        st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.binary(max_size=4),
    ),
)

#: What is no good, or is not sent by itself.
broken = st.one_of(
    closes,
    st.builds(frame, payloads, st.sampled_from([0, TEXT, BINARY]), final=st.booleans()),
    st.builds(frame, payloads, rsv=st.integers(0, 7)),
    st.builds(frame, payloads, mask=st.none()),
    st.builds(frame, st.binary(max_size=130), st.integers(0, 15), final=st.booleans()),
    st.builds(frame, st.just(b"ab"), size=st.sampled_from([1, 3, 126, 1 << 40])),
    st.just(b"\x81\xfe\x00\x02\0\0\0\0ab"),
    st.binary(max_size=8),
)

#: A while of good order, and then anything.
streams = st.builds(
    lambda before, behind: before + behind,
    st.lists(st.one_of(messagesOf(good), messagesOf(good), control), max_size=8),
    st.lists(st.one_of(messagesOf(payloads), control, broken), max_size=4),
)


class Deflater:
    """
    The client's side of permessage-deflate.
    """

    def __init__(self, offer: str) -> None:
        found = re.search("client_max_window_bits=([0-9]+)", offer)
        self._bits = int(found[1]) if found else 15
        self._keeps = "client_no_context" not in offer
        self._compressor: Any = None

    def deflate(self, payload: bytes) -> bytes:
        """
        Compress one message.
        """
        if self._compressor is None or not self._keeps:
            self._compressor = zlib.compressobj(wbits=-self._bits)
        packed = self._compressor.compress(payload)
        packed += self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return bytes(packed).removesuffix(b"\0\0\xff\xff")


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """
    The data, cut at these places.
    """
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [
        data[start:stop]
        for start, stop in zip([0, *places], [*places, len(data)], strict=True)
    ]


class PlainTransport(StringTransport):
    """
    What Autobahn may tell to end, more than once.
    """

    def unregisterProducer(self) -> None:
        pass


class Plain(WebSocketServerProtocol):  # type: ignore[misc]
    """
    Plain Autobahn.
    """

    log = txaio.make_logger("none")

    def onConnect(self, request: object) -> None:
        self.heard: list[bytes] = []
        # How many it had heard before each ping that it answered.
        self.pinged: list[int] = []

    def onPing(self, payload: bytes) -> None:
        if self.state == self.STATE_OPEN:
            self.pinged.append(len(self.heard))
        super().onPing(payload)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.heard.append(bytes(payload))


class Outcome(NamedTuple):
    """
    What comes of a stream.

    :ivar heard: the messages that the application gets.
    :ivar close: the server's close frame; its code alone, if that tells of a fault.
    :ivar pongs: what it answers to pings.
    :ivar end: why the application loses its session, with a code and a reason if there
        is one.
    """

    heard: list[bytes]
    close: bytes | None
    pongs: list[bytes]
    end: tuple[Any, ...]


def plain(segments: list[bytes], offer: str | None) -> tuple[Outcome, list[int]]:
    """
    What plain Autobahn makes of it.

    :return: that, and how many messages came before each of its pongs.
    """
    factory = WebSocketServerFactory(reactor=Clock())
    factory.protocol = Plain

    def accept(offers: list[Any]) -> Any:
        assert offer is not None
        return PerMessageDeflateOfferAccept(
            offers[0],
            request_no_context_takeover="client_no_context" in offer,
            request_max_window_bits=10 if "=10" in offer else 0,
            no_context_takeover=True,
            max_message_size=LIMIT,
        )

    factory.setProtocolOptions(
        maxMessagePayloadSize=LIMIT,
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=0,
        perMessageCompressionAccept=accept,
    )
    protocol, transport = factory.buildProtocol(None), PlainTransport()
    protocol.makeConnection(transport)
    for segment in [handshake("/websocket", offer), *segments]:
        if not transport.disconnecting:
            protocol.dataReceived(segment)
    closes, pongs = said(transport.value())
    end: tuple[Any, ...] = (ConnectionLost,)
    if protocol.failedByMe:
        end = (SessionFailed, told(closes[0])[0])
    elif protocol.wasClean:
        code, reason = protocol.remoteCloseCode, protocol.remoteCloseReason
        end = (SessionClosed, code or 1005, reason or "")
    outcome = Outcome(protocol.heard, closes[0] if closes else None, pongs, end)
    return outcome, protocol.pinged


def framed(raw: Outcome, pinged: list[int]) -> Outcome:
    """
    What SockJS makes of what comes in on a WebSocket.

    :param pinged: how many messages came before each pong.
    """
    heard: list[bytes] = []
    for index, payload in enumerate(raw.heard):
        if payload == b"":
            continue
        try:
            value = json.loads(payload.decode("utf-8"))
        except (ValueError, RecursionError):
            value = None
        found = [value] if isinstance(value, str) else value
        close = b""
        if not isinstance(found, list) or not all(type(each) is str for each in found):
            close = (3000).to_bytes(2, "big") + b"Broken framing."
        elif len(found) > MOST:
            close = (1009).to_bytes(2, "big")
        if close:
            pongs = raw.pongs[: sum(before <= index for before in pinged)]
            return Outcome(heard, close, pongs, (SessionFailed, told(close)[0]))
        heard += [re.sub("[\ud800-\udfff]", "\ufffd", each).encode() for each in found]
    return raw._replace(heard=heard)


def handshake(path: str, offer: str | None) -> bytes:
    """
    The opening handshake of a client.
    """
    return upgrade(path, {"Sec-WebSocket-Extensions": offer} if offer else {})


def said(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """
    The close frames and the pongs in what a server has sent.
    """
    frames = readFrames(data)
    return (
        [
            each.payload[:2] if each.code in FAULTS else each.payload
            for each in frames
            if each.opcode == CLOSE
        ],
        [each.payload for each in frames if each.opcode == PONG],
    )


def told(close: bytes) -> tuple[int, str]:
    """
    Code and reason of a close frame.
    """
    return int.from_bytes(close[:2], "big"), close[2:].decode("utf-8")


class Stopping(Recorder):
    """
    Stops reading at some messages.

    :cvar stops: at which.
    """

    stops: frozenset[int] = frozenset()

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if len(self.received) in self.stops:
            self.transport.pauseProducing()


def wire(stream: list[Message | bytes], offer: str | None) -> bytes:
    """
    The bytes of a stream, for a connection that this was agreed on.
    """
    deflater = Deflater(offer) if offer else None
    data = b""
    for item in stream:
        if isinstance(item, Message):
            data += item.frames(deflater)
            continue
        data += item
        if deflater is not None and item[:1] not in (b"\x88", b"\x89", b"\x8a"):
            # What does not inflate may leave Autobahn deaf to what follows.
            break
    return data


class WebSocketTests(SynchronousTestCase):
    @examples()
    @given(
        streams,
        st.sampled_from(OFFERS),
        st.lists(st.integers(0, 10**6), max_size=6),
        st.frozensets(st.integers(1, 12)),
        st.lists(st.booleans(), min_size=7, max_size=7),
        st.booleans(),
    )
    def test_sameAsAutobahn(
        self,
        stream: list[Message | bytes],
        offer: str | None,
        cuts: list[int],
        stops: frozenset[int],
        reads: list[bool],
        aborts: bool,
    ) -> None:
        """
        The same messages are delivered, whenever the application reads; the server
        closes with the same code and reason, answers the same pings and tells the
        application why; nothing is logged above debug, and nothing is left behind.

        :param reads: before which segments an application that has paused reads on.
        :param aborts: whether the network fails at the end.
        """
        segments = pieces(wire(stream, offer), cuts)
        raw, pinged = plain(segments, offer)
        sockjs = framed(raw, pinged)
        for path, expected in ("/websocket", raw), ("/0/s/websocket", sockjs):
            self.path = path
            found = self.ours(segments, offer, stops, reads, aborts)
            self.assertEqual(found, expected)

    def ours(
        self,
        segments: list[bytes],
        offer: str | None,
        stops: frozenset[int],
        reads: list[bool],
        aborts: bool,
    ) -> Outcome:
        """
        What a service makes of it.
        """
        loud: list[Any] = []

        def listen(event: Any) -> None:
            if event["log_level"] > LogLevel.info or "failure" in str(event.keys()):
                loud.append(event)

        globalLogPublisher.addObserver(listen)
        try:
            factory = RecordingFactory(type("Stops", (Stopping,), {"stops": stops}))
            options = {"compression": offer is not None, "max_message_size": LIMIT}
            site = MemorySite(SockJSFactory(factory, options, clock=MemoryReactor()))
            connection = MemoryClient(site).connect()
            connection.send(handshake(self.path, offer))
            [session] = factory.sessions
            for segment, reading in zip(segments, reads, strict=False):
                if reading:
                    session.transport.resumeProducing()
                connection.send(segment)
            for _ in range(MOST):
                session.transport.resumeProducing()
                before = len(session.received)
                site.settle()
                if len(session.received) == before:
                    break
            client: Any = connection.transport
            (client.abortConnection if aborts else client.loseConnection)()
            site.advance(60)
            self.assertNothingLeft(site)
        finally:
            globalLogPublisher.removeObserver(listen)
        self.assertEqual(loud, [])
        self.assertEqual(self.flushLoggedErrors(), [])
        closes, pongs = said(connection.received)
        [reason] = session.lost
        code = getattr(reason.value, "code", None)
        end: tuple[Any, ...] = (reason.type,)
        if code is not None:
            end += (code,) if reason.check(SessionFailed) else reason.value.args
        return Outcome(session.received, closes[0] if closes else None, pongs, end)

    def assertNothingLeft(self, site: MemorySite) -> None:
        """
        There is no session, no connection, and after the end no timer.
        """
        service = site.site.resource.service  # type: ignore[attr-defined]
        self.assertEqual(len(service), 0)
        reactor = site.reactor
        self.assertEqual(reactor.getReaders() + reactor.getWriters(), [])
        site.stop()
        self.assertEqual(reactor.getDelayedCalls(), [])

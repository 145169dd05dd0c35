"""Any frames that a server sends in any pieces, as our client and as plain Autobahn's
take them; and anything that our client sends, as Autobahn's server takes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import txaio
from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponseAccept,
)
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from tests.fuzz.test_websocket import FAULTS, Deflater, pieces
from tests.support.carriers import Carried, MemoryWeb, SocketServers, place
from tests.support.sockets import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    frame,
    readClientFrames,
    upgraded,
)
from txsockjs import SessionClosed, SessionFailed
from txsockjs.client.websocket import RawWebSocket
from txsockjs.testing import MemoryReactor

LIMIT = 20_000

EXTENSIONS = [
    None,
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
]

texts = st.text(st.one_of(st.characters(), st.sampled_from("\ud800\u2028")))

#: What a text may have.
good = st.one_of(
    texts.map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([b"said before", b"said before, and again", b"", b"a"]),
)

#: UTF-8 or not, short and long.
payloads = st.one_of(
    good,
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=8),
    st.sampled_from([125, 126, 127, LIMIT // 2, LIMIT, LIMIT + 1, 70_000]).map(
        lambda size: b"x" * size
    ),
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
    deflate: bool

    def frames(self, deflater: Deflater | None) -> bytes:
        """
        Its bytes on the wire.
        """
        payload, rsv = self.payload, 0
        # Near the limit, it depends on the cuts what Autobahn takes.
        if deflater is not None and self.deflate and len(payload) < LIMIT:
            payload, rsv = deflater.deflate(payload), 4
        found = pieces(payload, self.cuts)
        return self.between.join(
            frame(
                piece,
                0 if index else self.opcode,
                final=index == len(found) - 1,
                rsv=0 if index else rsv,
                mask=None,
            )
            for index, piece in enumerate(found)
        )


control = st.builds(
    frame,
    st.binary(max_size=125),
    st.sampled_from([PING, PONG]),
    mask=st.none(),
)


def messagesOf(payloads: st.SearchStrategy[bytes]) -> st.SearchStrategy[Message]:
    """
    Messages that have these payloads.
    """
    return st.builds(
        Message,
        payloads,
        st.sampled_from([TEXT, TEXT, TEXT, BINARY]),
        st.one_of(
            st.just([]), st.just([]), st.lists(st.integers(0, 10**6), max_size=3)
        ),
        st.one_of(st.just(b""), control),
        st.booleans(),
    )


closes = st.builds(
    lambda code, reason: frame(code + reason, CLOSE, mask=None),
    st.one_of(
        st.just(b""),
        st.sampled_from([1000, 1001, 1005, 1011, 2999, 3000, 4000, 4999, 5000]).map(
            lambda code: code.to_bytes(2, "big")
        ),
        st.binary(max_size=2),
    ),
    st.one_of(
        st.just(b""),
        st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
        st.binary(max_size=4),
    ),
)

#: What is no good, or is not sent by itself.
broken = st.one_of(
    closes,
    st.builds(
        frame,
        payloads,
        st.sampled_from([0, TEXT, BINARY]),
        final=st.booleans(),
        mask=st.none(),
    ),
    st.builds(frame, payloads, rsv=st.integers(0, 7), mask=st.none()),
    st.builds(frame, payloads),
    st.builds(
        frame,
        st.binary(max_size=130),
        st.integers(0, 15),
        final=st.booleans(),
        mask=st.none(),
    ),
    st.builds(
        frame,
        st.just(b"ab"),
        size=st.sampled_from([1, 3, 126, 1 << 40]),
        mask=st.none(),
    ),
    st.just(b"\x81\x7e\x00\x02ab"),
    st.binary(max_size=8),
)

#: A while of good order, and then anything.
streams = st.builds(
    lambda before, behind: before + behind,
    st.lists(st.one_of(messagesOf(good), messagesOf(good), control), max_size=8),
    st.lists(st.one_of(messagesOf(payloads), control, broken), max_size=4),
)


def wire(stream: list[Message | bytes], extension: str | None) -> bytes:
    """
    The bytes of a stream, for a connection that this was agreed on.
    """
    # What it calls the client is here the server: it keeps no window.
    deflater = (
        Deflater("client_no_context" if "no_" in extension else "")
        if (extension)
        else None
    )
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


class Outcome(NamedTuple):
    """
    What comes of a stream.

    :ivar heard: the messages that the session gets.
    :ivar close: the client's close frame; its code alone, if that tells of a fault.
    :ivar pongs: what it answers to pings.
    :ivar end: what kind of end it is, with a code and a reason if there is one.
    """

    heard: list[str | bytes]
    close: bytes | None
    pongs: list[bytes]
    end: tuple[Any, ...]


def said(data: bytes) -> tuple[bytes | None, list[bytes]]:
    """
    The close frame and the pongs in what a client has sent.
    """
    frames = readClientFrames(data)
    closes = [
        each.payload[:2] if each.code in FAULTS else each.payload
        for each in frames
        if each.opcode == CLOSE
    ]
    pongs = [each.payload for each in frames if each.opcode == PONG]
    return closes[0] if closes else None, pongs


class Plain(WebSocketClientProtocol):  # type: ignore[misc]
    """
    Plain Autobahn.
    """

    log = txaio.make_logger("none")
    end: tuple[Any, ...] = ("lost",)

    def onConnect(self, response: object) -> None:
        self.heard: list[str | bytes] = []

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state == self.STATE_OPEN:
            self.heard.append(payload if isBinary else payload.decode())

    def sendCloseFrame(self, code: Any = None, *args: Any, **how: Any) -> None:
        if self.state == self.STATE_OPEN:
            if self.failedByMe:
                self.end = ("failed", code)
            else:
                reason = self.remoteCloseReason or ""
                self.end = ("closed", self.remoteCloseCode or 1005, reason)
        super().sendCloseFrame(code, *args, **how)


def plain(segments: Sequence[bytes], extension: str | None) -> Outcome:
    """
    What plain Autobahn makes of it.
    """
    factory = WebSocketClientFactory(reactor=Clock())
    factory.protocol = Plain
    factory.setProtocolOptions(
        maxMessagePayloadSize=LIMIT,
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=0,
        serverConnectionDropTimeout=0,
        perMessageCompressionAccept=lambda response: PerMessageDeflateResponseAccept(
            response, max_message_size=LIMIT
        ),
    )
    protocol, transport = factory.buildProtocol(None), StringTransport()
    transport.unregisterProducer = lambda: None  # type: ignore[method-assign]
    protocol.makeConnection(transport)
    protocol.dataReceived(upgraded(protocol.websocket_key, headers(extension)))
    transport.clear()
    for segment in segments:
        if protocol.state == protocol.STATE_OPEN:
            protocol.dataReceived(segment)
    return Outcome(protocol.heard, *said(transport.value()), protocol.end)


def headers(extension: str | None) -> dict[str, str] | None:
    """
    What of a server's answer agrees on compression.
    """
    return {"Sec-WebSocket-Extensions": extension} if extension else None


class ClientTests(SynchronousTestCase):
    @examples()
    @given(
        streams,
        st.sampled_from(EXTENSIONS),
        st.lists(st.integers(0, 10**6), max_size=6),
        st.frozensets(st.integers(1, 12)),
    )
    def test_sameAsAutobahn(
        self,
        stream: list[Message | bytes],
        extension: str | None,
        cuts: list[int],
        pauses: frozenset[int],
    ) -> None:
        """
        The same messages come, whenever the session reads; the client closes with the
        same code and reason, answers the same pings, and tells the session why; nothing
        is left behind.

        :param pauses: at which messages the session pauses, until the next segment.
        """
        segments = [each for each in pieces(wire(stream, extension), cuts) if each]
        expected = plain(segments, extension)
        reactor, servers, session = MemoryReactor(), SocketServers(), Carried()
        # So a segment is read as it was sent.
        reactor.segment = repeat(1 << 20).__next__
        web = MemoryWeb(servers, reactor)
        web.room = 1 << 20
        carrier = RawWebSocket(
            session,
            place(
                web,
                reactor,
                max_message_size=LIMIT,
                compression=extension is not None,
            ),
        )

        def then(what: str, value: Any) -> None:
            if what == "message" and len(session.values("message")) in pauses:
                carrier.pauseReceiving()

        session.then = then
        carrier.start()
        reactor.settle()
        [server] = servers.made
        server.accept(headers(extension))
        reactor.settle()
        for segment in segments:
            if "lost" not in session.words:
                server.say(segment)
                reactor.settle()
                carrier.resumeReceiving()
                reactor.settle()
        server.transport.loseConnection()
        reactor.settle()
        self.assertEqual(reactor.getReaders() + reactor.getWriters(), [])
        self.assertEqual(reactor.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        reason = session.reason
        end: tuple[Any, ...] = ("lost",)
        if isinstance(reason, SessionClosed):
            end = ("closed", reason.code, reason.reason)
        elif isinstance(reason, SessionFailed) and reason.code != 1006:
            end = ("failed", reason.code)
        found = Outcome(session.values("message"), *said(server.received), end)
        self.assertEqual(found, expected)

    @examples()
    @given(
        st.lists(
            st.one_of(
                texts,
                st.binary(max_size=50),
                st.sampled_from([125, 126, 1535, 1536, 1537, 65535, 65536]).flatmap(
                    lambda size: st.sampled_from(["x" * size, b"y" * size])
                ),
            ),
            max_size=8,
        ),
        st.booleans(),
    )
    def test_sent(self, messages: list[str | bytes], compression: bool) -> None:
        """
        What the client sends is what Autobahn's server gets.
        """
        heard: list[str | bytes] = []

        class Server(WebSocketServerProtocol):  # type: ignore[misc]
            log = txaio.make_logger("none")

            def onMessage(self, payload: bytes, isBinary: bool) -> None:
                heard.append(payload if isBinary else payload.decode())

        factory = WebSocketServerFactory(reactor=Clock())
        factory.protocol = Server
        factory.setProtocolOptions(
            openHandshakeTimeout=0,
            perMessageCompressionAccept=lambda offers: PerMessageDeflateOfferAccept(
                offers[0]
            ),
        )
        reactor, session = MemoryReactor(), Carried()
        web = MemoryWeb(factory, reactor)
        carrier = RawWebSocket(session, place(web, reactor, compression=compression))
        carrier.start()
        reactor.settle()
        for message in messages:
            carrier.send(message)
        reactor.settle()
        self.assertEqual(
            heard,
            [
                each
                if isinstance(each, bytes)
                else re.sub("[\ud800-\udfff]", "\ufffd", each)
                for each in messages
            ],
        )
        carrier.abort()
        reactor.settle()

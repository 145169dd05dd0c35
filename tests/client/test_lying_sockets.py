"""Servers that lie on a WebSocket: each time a clear error, no leak, no hang."""

from __future__ import annotations

from typing import Any

from tests.support.liars import Lie, accepted, response
from tests.support.lying import (
    MEGABYTE,
    PAGE,
    SILENCE,
    LyingCase,
    sent,
)
from tests.support.sockets import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from txsockjs.errors import (
    ConnectFailed,
    SessionClosed,
    SessionFailed,
    TooLarge,
)


class WebSocketTests(LyingCase):
    """
    What a server sends on a WebSocket.
    """

    def say(self, *data: bytes, then: str = "stay", **settings: Any) -> None:
        """
        Have a client to which a server says this behind its ``o``.
        """
        lie = Lie(accepted(sent(b"o"), *data), then)
        self.open("websocket", {"websocket": lie}, **settings)

    def test_garbage(self) -> None:
        """
        What is no frame of SockJS is dropped and counted.
        """
        garbage = b"a[1]", b"a{}", b"a" + b"[" * 100_000, b"x", b"", b"c[3000]", b"oo"
        self.say(sent(*garbage, b'a["y"]'), frame(b"o", BINARY, mask=None))
        self.assertEqual(self.protocol.heard, [b"y"])
        self.assertEqual(self.protocol.transport.dropped, len(garbage))
        self.assertLost("nothing came from the server", within=SILENCE)

    def test_broken(self) -> None:
        """
        What breaks the rules of WebSocket ends the session, with the words for it.
        """
        for data, words in (
            (frame(b'a["\xff"]', mask=None), "1007"),
            (frame(b"x", 3, mask=None), "1002"),
            (frame(b"x", rsv=4, mask=None), "1002"),
            (frame(b"x", CONTINUATION, mask=None), "1002"),
            (frame(b"x"), "1002"),
            (frame(b"x" * 126, PING, mask=None), "1002"),
            (frame(b"x", PING, final=False, mask=None), "1002"),
            (frame(b"\x03", CLOSE, mask=None), "1002"),
            (frame(b"\x03\xed", CLOSE, mask=None), "1002"),
        ):
            self.say(data, sent(b'a["y"]'))
            self.assertLost(words, heard=[], within=5)

    def test_openedTwice(self) -> None:
        """
        A second ``o`` ends the session.
        """
        self.say(sent(b'a["x"]', b"o", b'a["y"]'))
        self.assertLost("1006 'Server lost session'", heard=[b"x"])

    def test_tooLarge(self) -> None:
        """
        A frame of ten megabytes is not taken, nor many that are one message; it is
        enough that one says so.
        """
        huge = b"x" * 10 * MEGABYTE
        for data in (
            frame(huge, mask=None),
            frame(b"", size=10 * MEGABYTE, mask=None),
            frame(b"", size=2**62, mask=None),
            frame(b"a", final=False, mask=None)
            + frame(huge[:MEGABYTE], CONTINUATION, final=False, mask=None) * 10,
        ):
            self.say(data)
            self.assertLost(
                "1009", "max_message_size allows", kind=TooLarge, within=11, heard=[]
            )

    def test_ends(self) -> None:
        """
        A socket that ends without a close of the session is told of.
        """
        for data, then, words in (
            (b"", "close", "1006"),
            (b"", "reset", "1006"),
            (sent(b'a["x"]')[:-1], "close", "1006"),
            (frame(b"\x03\xe8bye", CLOSE, mask=None), "close", "1000 'bye'"),
            (frame(b"", CLOSE, mask=None), "stay", "1005"),
        ):
            self.say(data, then=then)
            self.assertLost(words, within=11, heard=[])

    def test_silent(self) -> None:
        """
        So is silence.
        """
        self.say()
        self.reactor.advance(50)
        self.assertEqual(self.protocol.lost, [])
        self.assertLost("nothing came from the server", within=1)

    def test_pinged(self) -> None:
        """
        Pings are no heartbeats of SockJS.
        """
        self.say(frame(b"", PING, mask=None) * 1000)
        self.assertLost("nothing came from the server", within=SILENCE)

    def test_noGoodbye(self) -> None:
        """
        A client that closes does not wait for ever.
        """
        self.say()
        self.protocol.transport.loseConnection(3001, "enough")
        self.reactor.advance(9)
        self.assertEqual(self.protocol.lost, [])
        self.reactor.advance(2)
        self.assertEqual(len(self.protocol.lost), 1)
        self.assertNothingLeft()

    def test_behindTheEnd(self) -> None:
        """
        What comes behind the server's close is not heard.
        """
        self.say(sent(b'a["1"]', b'c[3000,"Go away!"]', b'a["2"]', b"o"))
        self.assertLost("3000 'Go away!'", kind=SessionClosed, heard=[b"1"], within=11)


class RawTests(LyingCase):
    """
    What a server sends on a raw WebSocket.
    """

    def test_refused(self) -> None:
        """
        It fails as any transport does.
        """
        for lie, words in (
            (Lie(response(PAGE, "404 Not Found")), "404 Not Found"),
            (Lie(response(PAGE)), "200 OK"),
            (Lie(b"", "close"), "lost"),
            (Lie(lambda head: accepted()(b"\r\nSec-WebSocket-Key: x\r\n")), "Accept"),
        ):
            connecting = self.connect(lies={"websocket": lie}, raw=True)
            self.assertRefused(connecting, words, within=5)

    def test_silent(self) -> None:
        """
        There is as much time for the answer as for all.
        """
        connecting = self.connect(lies={"websocket": Lie()}, raw=True)
        self.assertRefused(connecting, "within 30 s (timeout)", kind=ConnectFailed)

    def test_tooLarge(self) -> None:
        """
        A message of ten megabytes is not taken, as text or as bytes.
        """
        for opcode in TEXT, BINARY:
            lie = Lie(accepted(frame(b"x" * 10 * MEGABYTE, opcode, mask=None)))
            self.open("raw", {"websocket": lie})
            self.assertLost("1009", kind=TooLarge, within=11, heard=[])

    def test_gone(self) -> None:
        """
        A server that does not answer a ping is gone.
        """
        self.open("raw", {"websocket": Lie(accepted())})
        self.assertLost("not even an answer to a ping", kind=SessionFailed, within=60)

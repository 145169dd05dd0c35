"""Tests for `txsockjs.core.frames`: what goes over the wire, byte for byte."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.core.frames import (
    BUSY,
    GO_AWAY,
    HEARTBEAT,
    OPEN,
    BinaryMessage,
    Close,
    Frame,
    Message,
    Messages,
    decode,
    decodeSocket,
    quote,
)
from txsockjs.errors import BrokenJSON

# PROTOCOL section 5, in its own words.
MUST_ESCAPE = re.compile(
    "[\x00-\x1f\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff\ud800-\udfff]"
)
SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
SHORT |= {"\b": "\\b", "\f": "\\f"}

# Any text that JavaScript can send, with what needs escaping more often than by chance.
TEXT = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs"]),
        st.sampled_from('"\\/\n\x00\u200c\u2028\u2060\ufeff\uffff<>%\U0001f600'),
    )
)
PROPERTY = settings(derandomize=True, deadline=None, max_examples=200)


def expected(character: str) -> str:
    """
    A character as section 5 has it in a frame.
    """
    if character in SHORT:
        return SHORT[character]
    if MUST_ESCAPE.match(character):
        return f"\\u{ord(character):04x}"
    return character


class QuoteTests(SynchronousTestCase):
    """
    `quote` and ``requoted``.
    """

    def test_everyCharacter(self) -> None:
        """
        Each of U+0000-U+FFFF alone is escaped exactly where the protocol asks for it,
        in its short form or in lower-case hex digits, and reads back as itself.
        """
        for code in range(0x10000):
            character = chr(code)
            quoted = quote(character).decode("utf-8")
            self.assertEqual(f'"{expected(character)}"', quoted)
            self.assertEqual(character, json.loads(quoted))

    def test_everyCharacterAtOnce(self) -> None:
        """
        A character is escaped in the same way among others as alone.
        """
        text = "".join(map(chr, range(0x10000)))
        quoted = quote(text).decode("utf-8")
        self.assertEqual('"' + "".join(map(expected, text)) + '"', quoted)

    def test_astral(self) -> None:
        """
        Characters beyond U+FFFF go out as they are.
        """
        for text in ("\U00010000", "\U0001f600", "a\U0010ffffb"):
            self.assertEqual(f'"{text}"'.encode(), quote(text))

    def test_surrogates(self) -> None:
        """
        A surrogate is escaped, alone or in what is no pair, so that it can be sent.
        """
        self.assertEqual(b'"\\ud800"', quote("\ud800"))
        self.assertEqual(b'"x\\udfff\xc3\xa9"', quote("x\udfff\xe9"))
        self.assertEqual(b'"\\udc00\\ud800"', quote("\udc00\ud800"))

    def test_empty(self) -> None:
        """
        The empty message is a message.
        """
        self.assertEqual(b'""', quote(""))

    @PROPERTY
    @given(TEXT)
    def test_roundTrip(self, text: str) -> None:
        """
        Any text reads back as it was, and holds nothing that must be escaped.
        """
        quoted = quote(text).decode("utf-8")
        # Two lone surrogates in a row are a pair to whoever reads them.
        want = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        self.assertEqual(want, json.loads(quoted))
        self.assertIsNone(MUST_ESCAPE.search(quoted))

    @PROPERTY
    @given(st.lists(TEXT, min_size=1))
    def test_requote(self, texts: list[str]) -> None:
        """
        A frame quoted once more reads back as that frame.
        """
        frame = Messages([Message(text) for text in texts])
        self.assertEqual(frame.data.decode("utf-8"), json.loads(frame.requoted))

    def test_requoteExactly(self) -> None:
        """
        Quotes and backslashes are escaped, and all else stays.
        """
        self.assertEqual(b'"a[\\"x\\"]"', Frame(b'a["x"]').requoted)
        self.assertEqual(b'"a[\\"\\\\n\\"]"', Frame(b'a["\\n"]').requoted)
        self.assertEqual(b'"o"', OPEN.requoted)


class FrameTests(SynchronousTestCase):
    """
    The frames.
    """

    def test_fixedFrames(self) -> None:
        """
        The frames without content are those of section 5 and 6.
        """
        self.assertEqual((b"o", b"h"), (OPEN.data, HEARTBEAT.data))
        self.assertEqual(b'c[3000,"Go away!"]', GO_AWAY.data)
        self.assertEqual(b'c[2010,"Another connection still open"]', BUSY.data)

    def test_close(self) -> None:
        """
        A close frame has no space in it, and its reason is a JSON string.
        """
        self.assertEqual(
            b'c[4999,"\\"\\u2028\xc3\xa9"]', Close(4999, '"\u2028\xe9').data
        )

    def test_messages(self) -> None:
        """
        Messages share one array, without spaces.
        """
        first, second = Message("m1"), Message("m2")
        self.assertEqual(b'a["m1"]', first.data)
        both = Messages([first, second])
        self.assertEqual(b'a["m1","m2"]', both.data)
        self.assertEqual([first, second], list(both.messages))
        self.assertEqual([first], list(first.messages))

    def test_bytesInUTF8(self) -> None:
        """
        Bytes in UTF-8 are that text, and no bytes are kept.
        """
        message = Message.fromBytes("\xe9\u2028".encode(), "cp1252")
        self.assertEqual("\xe9\u2028", message.text)
        self.assertIsNone(message.binary)

    def test_bytesInAnotherEncoding(self) -> None:
        """
        Bytes that are not UTF-8 are read in the fallback.
        """
        message = Message.fromBytes(b"caf\xe9\x80", "cp1252")
        self.assertEqual(("caf\xe9\u20ac", None), (message.text, message.binary))
        self.assertEqual("\ufffd", Message.fromBytes(b"\x81", "cp1252").text)

    def test_binary(self) -> None:
        """
        Bytes are a binary message where the application says so, whatever they are.
        """
        for data in (b"caf\xe9\x80", b"text", b""):
            message = BinaryMessage.fromBytes(data, "cp1252")
            self.assertEqual(data, message.binary)

    @given(st.lists(st.lists(st.text(max_size=5), min_size=1), min_size=1))
    def test_packed(self, groups: list[list[str]]) -> None:
        """
        Packed or not, messages are what they were, in order.
        """
        parts = [Messages([Message(text) for text in group]) for group in groups]
        texts = [text for group in groups for text in group]
        whole = Messages([*parts[:-1], parts[-1].pack()])
        self.assertEqual(texts, [message.text for message in whole.messages])
        self.assertEqual(texts, json.loads(whole.data[1:]))
        self.assertEqual(len(texts), whole.count)

    def test_formattedOnce(self) -> None:
        """
        A frame to many receivers of one kind is formatted once; another kind gets its
        own format.
        """
        calls: list[bytes] = []

        def line(frame: Frame) -> bytes:
            calls.append(frame.data)
            return frame.data + b"\n"

        def upper(frame: Frame) -> bytes:
            return frame.data.upper()

        frame = Message("x")
        self.assertEqual([b'a["x"]\n'] * 3, [frame.formatted(line) for _ in range(3)])
        self.assertEqual([b'a["x"]'], calls)
        self.assertEqual(b'A["X"]', frame.formatted(upper))
        self.assertEqual(b'a["x"]\n', frame.formatted(line))

    def test_repr(self) -> None:
        """
        A frame shows its kind and the beginning of its data.
        """
        self.assertEqual("<Open b'o'>", repr(OPEN))
        self.assertLess(len(repr(Message("x" * 1000))), 100)


REFUSED = {
    "null": b"null",
    "number": b"5",
    "object": b"{}",
    "true": b"true",
    "nullInArray": b'[null,"x"]',
    "nullAtTheEnd": b'["x",null]',
    "objectInArray": b'[{"a":1}]',
    "numberInArray": b"[1]",
    "arrayInArray": b"[[]]",
    "notANumber": b"[NaN]",
    "bareNaN": b"NaN",
    "deep": b"[" * 200_000,
    "deepObjects": b'{"a":' * 200_000,
    "notUTF8": b'["\xff"]',
    "surrogateInUTF8": b'["\xed\xa0\x80"]',
    "byteOrderMark": b'\xef\xbb\xbf["x"]',
    "rubbishBehind": b'["x"]x',
    "twoArrays": b'["x"]["y"]',
    "open": b'["x"',
    "openString": b'["x',
    "trailingComma": b'["x",]',
    "singleQuotes": b"['x']",
    "controlCharacter": b'["\n"]',
    "badEscape": b'["\\x41"]',
    "shortEscape": b'["\\u12"]',
    "spaceAlone": b"  ",
}

# What no WebSocket text message can hold.
NOT_TEXT = ("notUTF8", "surrogateInUTF8")


class DecodeTests(SynchronousTestCase):
    """
    `decode` and `decodeSocket`: clients send an array of strings, and attackers send
    all the rest.
    """

    def test_strings(self) -> None:
        """
        An array of strings is its strings, white space around it or not.
        """
        for payload in (b'["a","\xc3\xa9"]', b' [ "a" , "\\u00e9" ]\r\n'):
            self.assertEqual(["a", "\xe9"], decode(payload))
        self.assertEqual([], decode(b"[]"))

    def test_surrogates(self) -> None:
        """
        A lone surrogate is a character like others; a pair of them is one character.
        """
        self.assertEqual(["\ud800"], decode(b'["\\ud800"]'))
        self.assertEqual(["\U0001f600"], decode(b'["\\ud83d\\ude00"]'))

    def test_refused(self) -> None:
        """
        Whatever is no array of strings is broken JSON, and no other error.
        """
        for name, payload in REFUSED.items():
            with self.assertRaises(BrokenJSON, msg=name):
                decode(payload)

    def test_refusedOnSockets(self) -> None:
        """
        A WebSocket message is refused for the same reasons.
        """
        for name, payload in REFUSED.items():
            if name in NOT_TEXT:
                continue
            with self.assertRaises(BrokenJSON, msg=name):
                decodeSocket(payload.decode("utf-8"))

    def test_stringRefusedInBody(self) -> None:
        """
        A single string is a message on a WebSocket alone.
        """
        self.assertRaises(BrokenJSON, decode, b'"x"')
        self.assertEqual(["x"], decodeSocket('"x"'))
        self.assertEqual([""], decodeSocket('""'))

    def test_empty(self) -> None:
        """
        No payload at all is nothing on a WebSocket, and broken as a body.
        """
        self.assertEqual([], decodeSocket(""))
        self.assertEqual([], decodeSocket("[]"))
        self.assertRaises(BrokenJSON, decode, b"")

    @PROPERTY
    @given(st.lists(TEXT), st.booleans())
    def test_roundTrip(self, texts: list[str], ascii: bool) -> None:
        """
        What any JSON encoder makes of strings is those strings.
        """
        payload = json.dumps(texts, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
        want = [
            text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
            for text in texts
        ]
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError:
            self.assertRaises(BrokenJSON, decode, payload)
        else:
            self.assertEqual(want, decode(payload))
            self.assertEqual(want, decodeSocket(payload.decode("utf-8")))

    @PROPERTY
    @given(st.binary())
    def test_anyBytes(self, payload: bytes) -> None:
        """
        Any bytes are strings or broken JSON.
        """
        try:
            decoded = decode(payload)
        except BrokenJSON:
            return
        self.assertTrue(all(type(text) is str for text in decoded))

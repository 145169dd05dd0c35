"""Tests for `txsockjs.utils`: one message to many."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from tests.test_transport import Recorder, TransportTestCase
from txsockjs.core import frames
from txsockjs.testing import MemoryReceiver
from txsockjs.transport import SessionTransport
from txsockjs.utils import broadcast


class PlainTransport:
    """
    A transport that is not of SockJS.
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class BroadcastTests(TransportTestCase):
    """
    `broadcast`.
    """

    def several(self, count: int = 3) -> list[SessionTransport]:
        """
        Open sessions; their receivers are ``self.receivers``.
        """
        self.receivers = [MemoryReceiver() for _ in range(count)]
        return [self.open(Recorder(), receiver) for receiver in self.receivers]

    def test_each(self) -> None:
        """
        Each target gets one message, of text or of bytes.
        """
        transports = self.several()
        broadcast("caf\xe9", transports)
        broadcast(b"caf\xc3\xa9", iter(transports))
        self.turn()
        for receiver in self.receivers:
            self.assertEqual([b"o", 'a["caf\xe9","caf\xe9"]'.encode()], receiver.frames)

    def test_encodedOnce(self) -> None:
        """
        However many targets there are, the message is encoded once.
        """
        transports = self.several(5)
        with patch.object(frames, "quote", wraps=frames.quote) as quote:
            broadcast("x", transports)
            self.turn()
        self.assertEqual(1, quote.call_count)

    def test_encodings(self) -> None:
        """
        Bytes that are not UTF-8 are read as each service's option says.
        """
        first = self.open(Recorder())
        receiver = self.receiver
        self.configure(encoding="cp437")
        second = self.open(Recorder())
        broadcast(b"\x80", [first, second])
        self.turn()
        self.assertEqual('a["\u20ac"]'.encode(), receiver.frames[-1])
        self.assertFrames('a["\xc7"]'.encode())

    def test_plainTransports(self) -> None:
        """
        A plain Twisted transport is written to.
        """
        plain: Any = PlainTransport()
        (transport,) = self.several(1)
        broadcast("caf\xe9", [plain, transport])
        broadcast(b"\xff", [plain])
        self.turn()
        self.assertEqual([b"caf\xc3\xa9", b"\xff"], plain.written)
        self.assertEqual('a["caf\xe9"]'.encode(), self.receivers[0].frames[-1])

    def test_gone(self) -> None:
        """
        A target that is gone is skipped, the others get theirs.
        """
        transports = self.several()
        self.receivers[0].drop()
        transports[1].abortConnection()
        broadcast("x", transports)
        self.turn()
        self.assertEqual([b"o"], self.receivers[0].frames)
        self.assertEqual([b"o"], self.receivers[1].frames)
        self.assertEqual([b"o", b'a["x"]'], self.receivers[2].frames)

    def test_changedMeanwhile(self) -> None:
        """
        Targets may leave their collection while it is broadcast to.
        """
        targets: set[Any] = set()

        class Leaving(PlainTransport):
            def write(self, data: bytes) -> None:
                super().write(data)
                targets.discard(self)

        both = [Leaving(), Leaving()]
        targets.update(both)
        broadcast("x", targets)
        self.assertEqual([[b"x"], [b"x"]], [each.written for each in both])
        self.assertEqual(set(), targets)

    def test_types(self) -> None:
        """
        A message is bytes or str; all else is a TypeError.
        """
        for wrong in (5, None, ["x"]):
            self.assertRaises(TypeError, broadcast, wrong, [])

    def test_wrapped(self) -> None:
        """
        A transport inside one of Twisted's policies is broadcast to all the same.
        """
        (transport,) = self.several(1)
        wrapper: Any = ProtocolWrapper(WrappingFactory(None), Recorder())
        wrapper.makeConnection(transport)
        broadcast("x", [wrapper])
        self.turn()
        self.assertEqual([b"o", b'a["x"]'], self.receivers[0].frames)

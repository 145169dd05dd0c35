"""Tests of handlers that tell binary messages apart, over whole services in memory."""

from __future__ import annotations

from typing import Any

from tests.test_handlers import TRANSPORTS, HandlerTestCase
from txsockjs import AsyncBinarySession, AsyncSession, handler

SENT = ("caf\xe9", b"caf\xc3\xa9", b"\xff\x00", "", b"")


class BinaryTests(HandlerTestCase):
    """``handler(binary=True)``, and without."""

    def talk(self, **options: Any) -> tuple[list[Any], list[Any]]:
        """
        Send messages over a raw WebSocket to a handler that sends them back.

        :return: what the handler has had, and what came back.
        """
        had: list[Any] = []

        async def echo(session: Any) -> None:
            async for message in session:
                had.append(message)
                await session.send(message)

        self.serve(handler(**options)(echo))
        socket = self.client.websocket("/websocket")
        for message in SENT:
            socket.send(message)
        return had, socket.messages

    def test_told(self) -> None:
        """Bytes are bytes and text is text, both ways."""
        had, came = self.talk(binary=True)
        self.assertEqual(had, list(SENT))
        self.assertEqual(came, list(SENT))

    def test_notTold(self) -> None:
        """Without that, all is text, both ways."""
        text = ["caf\xe9", "caf\xe9", "\ufffd\x00", "", ""]
        for options in ({}, {"binary": False}):
            had, came = self.talk(**options)
            self.assertEqual(had, text)
            self.assertEqual(came, text)

    def test_bytesAsText(self) -> None:
        """Without that, bytes that are sent are text."""

        async def speak(session: AsyncSession) -> None:
            await session.send(b"caf\xc3\xa9")

        self.serve(handler(speak))
        socket = self.client.websocket("/websocket")
        self.assertEqual(socket.messages, ["caf\xe9"])

    def test_otherTransports(self) -> None:
        """Where there is text alone, text comes, and bytes are sent as text."""
        had: list[Any] = []

        @handler(binary=True)
        async def echo(session: AsyncBinarySession) -> None:
            async for message in session:
                had.append(message)
                await session.send(b"caf\xc3\xa9")

        self.serve(echo)
        for transport in TRANSPORTS:
            session = self.session(transport)
            session.send("hi")
            self.assertEqual(session.received, ["caf\xe9"], transport)
        self.assertEqual(had, ["hi"] * len(TRANSPORTS))

    def test_pace(self) -> None:
        """Bytes that wait for the function hold the peer back as text does."""
        kept: list[Any] = []

        @handler(binary=True)
        async def slow(session: AsyncBinarySession) -> None:
            kept.append(session)
            await session.transport.whenEnded()

        self.serve(slow)
        socket = self.client.websocket("/websocket")
        for _ in range(100):
            socket.send(b"x" * 1000)
        [session] = kept
        self.assertTrue(session._paused)
        self.assertLess(session._size, 70_000)

    def test_end(self) -> None:
        """When the session is closed, no message follows, as without."""
        ends: list[Any] = []

        @handler(binary=True)
        async def once(session: AsyncBinarySession) -> None:
            ends.append(await anext(session))
            session.close(4000, "enough")
            ends.append(await anext(session, None))

        self.serve(once)
        socket = self.client.websocket("/websocket")
        socket.send(b"1")
        self.site.settle()
        self.assertEqual(ends, [b"1", None])
        self.assertEqual(socket.ended, (4000, "enough"))

    def test_named(self) -> None:
        """What is made keeps the name and the function."""

        @handler(binary=True)
        async def named(session: AsyncBinarySession) -> None:
            """Says nothing."""

        made: Any = named
        self.assertEqual((made.__name__, made.__doc__), ("named", "Says nothing."))

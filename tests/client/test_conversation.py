"""A client's session in coroutines, with a server in memory."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted
from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, Recorder, RecordingFactory
from txsockjs.client import (
    AsyncClientSession,
    Connecting,
    SockJSClientEndpoint,
    connect,
)
from txsockjs.errors import Rejected, SessionClosed, SessionFailed, SessionRefused
from txsockjs.testing import MemorySite, MemorySockJSEndpoint


class ConversationTestCase(SynchronousTestCase):
    """
    A service in memory, whose protocols are kept.
    """

    def setUp(self) -> None:
        self.sessions = RecordingFactory(Echo)
        self.site = MemorySite.serving(self.sessions)

    def tearDown(self) -> None:
        self.site.stop()
        self.assertEqual(self.flushLoggedErrors(), [])

    def connecting(self, **settings: Any) -> Connecting:
        return Connecting(MemorySockJSEndpoint(self.site, **settings))

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """
        Run something until it waits for what does not come.
        """
        doing = Deferred.fromCoroutine(coroutine)
        self.site.settle()
        return doing

    def open(self, **settings: Any) -> AsyncClientSession:
        async def opened() -> AsyncClientSession:
            return await self.connecting(**settings)

        session: AsyncClientSession = self.successResultOf(self.do(opened()))
        return session

    @property
    def server(self) -> Any:
        """
        The server's protocol.
        """
        return self.sessions.sessions[-1]


class TalkTests(ConversationTestCase):
    def test_with(self) -> None:
        """
        The session is open inside the block, and closed behind it.
        """
        heard = []

        async def talk() -> AsyncClientSession:
            async with self.connecting() as session:
                for text in "1", "é", "3":
                    await session.send(text)
                await session.send(b"\x80")
                async for message in session:
                    heard.append(message)
                    if len(heard) == 4:
                        break
            return session

        session = self.successResultOf(self.do(talk()))
        self.assertEqual(heard, ["1", "é", "3", "€"])
        self.assertEqual((session.close_code, session.close_reason), (3000, "Go away!"))
        self.assertEqual(len(self.server.lost), 1)

    def test_raises(self) -> None:
        """
        What the block raises is raised, and the session is closed.
        """

        async def talk() -> None:
            async with self.connecting():
                raise LookupError

        self.failureResultOf(self.do(talk()), LookupError)
        self.assertEqual(len(self.server.lost), 1)

    def test_refused(self) -> None:
        """
        What connecting fails with is raised where that is awaited.
        """

        def refuse(request: object) -> None:
            raise Rejected(4403, "Not you")

        self.site.stop()
        self.site = MemorySite.serving(self.sessions, {"authorize": refuse})

        async def talk() -> None:
            async with self.connecting():
                pass

        error = self.failureResultOf(self.do(talk()), SessionRefused).value
        self.assertEqual((error.code, error.reason), (4403, "Not you"))

    def test_cancelConnecting(self) -> None:
        """
        To cancel who waits for the session gives it up.
        """

        async def talk() -> None:
            async with self.connecting():
                pass

        talking = Deferred.fromCoroutine(talk())
        talking.cancel()
        self.site.settle()
        self.failureResultOf(talking, CancelledError)
        self.assertEqual(self.sessions.sessions, [])

    def test_cancelInside(self) -> None:
        """
        To cancel who waits in the block closes the session.
        """

        async def talk() -> None:
            async with self.connecting() as session:
                await session.recv()

        talking = self.do(talk())
        talking.cancel()
        self.site.settle()
        self.failureResultOf(talking, CancelledError)
        self.assertEqual(len(self.server.lost), 1)

    def test_cancelClosing(self) -> None:
        """
        To cancel who waits for the close drops the session.
        """
        sessions = []
        leave: Deferred[None] = Deferred()

        async def talk() -> None:
            async with self.connecting() as session:
                sessions.append(session)
                await leave

        talking = self.do(talk())
        leave.callback(None)
        self.assertNoResult(talking)
        talking.cancel()
        self.site.settle()
        self.failureResultOf(talking, CancelledError)
        self.assertIn("aborted", sessions[0].close_reason)

    def test_subprotocol(self) -> None:
        """
        There is none where the server has chosen none.
        """
        self.assertIsNone(self.open().subprotocol)

    def test_binary(self) -> None:
        """
        On a raw WebSocket bytes are binary messages, both ways, and text is text.
        """
        self.sessions.protocol = Recorder
        session = self.open(raw=True)

        async def talk() -> list[Any]:
            await session.send(b"\xfe")
            await session.send("\xe9")
            return [await session.recv() for _ in range(2)]

        talking = self.do(talk())
        self.assertEqual(self.server.received, [b"\xfe", "\xe9".encode()])
        self.server.transport.sendBinary(b"\xff")
        self.server.transport.sendMessage("\xe8")
        self.site.settle()
        self.assertEqual(self.successResultOf(talking), [b"\xff", "\xe8"])


class EndTests(ConversationTestCase):
    def test_serverCloses(self) -> None:
        """
        What came before the server's close is there to be read; then the loop ends.
        """
        session = self.open()
        self.server.transport.write(b"1")
        self.server.transport.write(b"2")
        self.server.transport.loseConnection(4000, "Bye")
        self.site.settle()
        self.assertEqual((session.close_code, session.close_reason), (4000, "Bye"))

        async def rest() -> list[str]:
            return [message async for message in session]

        self.assertEqual(self.successResultOf(self.do(rest())), ["1", "2"])
        self.assertEqual(self.successResultOf(self.do(rest())), [])
        for attempt in session.recv(), session.send("x"):
            error = self.failureResultOf(self.do(attempt), SessionClosed).value
            self.assertEqual((error.code, error.reason), (4000, "Bye"))

    def test_waiting(self) -> None:
        """
        Who waits for a message is told of the end.
        """
        session = self.open()
        waiting = self.do(session.recv())
        self.assertNoResult(waiting)
        self.server.transport.loseConnection(4000, "Bye")
        self.site.settle()
        self.failureResultOf(waiting, SessionClosed)

    def test_broken(self) -> None:
        """
        Where the session has not ended in good order, the loop raises.
        """
        session = self.open()
        self.server.transport.abortConnection()
        self.site.settle()
        self.assertEqual(session.close_code, 1006)
        for attempt in session.recv(), session.__anext__(), session.send("x"):
            self.failureResultOf(self.do(attempt), SessionFailed)

    def test_aborted(self) -> None:
        """
        What was aborted at this end is told as such.
        """
        session = self.open()
        session.transport.abortConnection()
        self.site.settle()
        self.assertEqual(session.close_code, 1006)
        self.assertIn("aborted", session.close_reason or "")
        self.failureResultOf(self.do(session.recv()), ConnectionAborted)

    def test_close(self) -> None:
        """
        To close delivers what was sent, and can be waited for, or not.
        """
        session = self.open()
        self.assertIsNone(session.close_code)
        self.assertIsNone(session.close_reason)

        async def close() -> None:
            await session.send("last")
            await session.close(4001, "Done")
            await session.wait_closed()
            await session.close()

        self.successResultOf(self.do(close()))
        self.assertEqual(self.server.received, [b"last"])
        self.assertEqual((session.close_code, session.close_reason), (4001, "Done"))
        session = self.open()
        session.close()
        self.failureResultOf(self.do(session.send("x")), SessionClosed)
        self.site.settle()
        self.assertEqual(len(self.server.lost), 1)

    def test_closeWrong(self) -> None:
        """
        A code that cannot be sent is refused.
        """
        session = self.open()
        self.assertRaises(ValueError, session.close, 999)
        self.assertRaises(TypeError, session.close, 3000, None)
        self.assertFalse(session.transport.disconnecting)

    def test_types(self) -> None:
        """
        What is no message is refused.
        """
        session: Any = self.open()
        for message in None, 5, ["x"]:
            self.failureResultOf(self.do(session.send(message)), TypeError)


class PaceTests(ConversationTestCase):
    def test_reads(self) -> None:
        """
        Who does not read holds the server back, and loses nothing.
        """
        session = self.open()
        data = b"x" * 1000
        for _ in range(2000):
            self.server.transport.write(data)
        self.site.settle()
        self.assertGreater(self.server.transport.pending, 1_000_000)

        async def read() -> int:
            return sum([len(await session.recv()) for _ in range(2000)])

        self.assertEqual(self.successResultOf(self.do(read())), 2_000_000)
        self.assertEqual(self.server.transport.pending, 0)

    def test_sends(self) -> None:
        """
        Who sends more than the server reads waits until that reads.
        """
        session = self.open()
        self.server.transport.pauseProducing()
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(500):
                await session.send("x" * 10_000)
                sent += 1

        sending = self.do(send())
        self.assertNoResult(sending)
        self.assertLess(sent, 200)
        self.server.dataReceived = lambda data: self.server.received.append(data)
        self.server.transport.resumeProducing()
        self.site.settle()
        self.successResultOf(sending)
        self.assertEqual(len(self.server.received), 500)

    def test_sendsToNobody(self) -> None:
        """
        Who waits so is told of the end.
        """
        session = self.open()
        self.server.transport.pauseProducing()

        async def send() -> None:
            for _ in range(500):
                await session.send("x" * 10_000)

        sending = self.do(send())
        self.server.transport.abortConnection()
        self.site.settle()
        self.failureResultOf(sending, SessionFailed)

    def test_one(self) -> None:
        """
        One coroutine can wait for a message at a time.
        """
        session = self.open()
        waiting = self.do(session.recv())
        self.failureResultOf(self.do(session.recv()), RuntimeError)
        self.server.transport.write(b"1")
        self.site.settle()
        self.assertEqual(self.successResultOf(waiting), "1")


class ConnectTests(SynchronousTestCase):
    def test_settings(self) -> None:
        """
        What ``connect`` is given is what the endpoint is given.
        """
        made = connect(object(), "ws://a.example/x", raw=True, timeout=3)._endpoint
        assert isinstance(made, SockJSClientEndpoint)
        self.assertEqual(str(made.url), "http://a.example/x")
        self.assertEqual((made.settings.raw, made.settings.timeout), (True, 3.0))

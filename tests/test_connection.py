"""Tests of `txsockjs.connection`, over whole services in memory."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, globalLogPublisher

from tests.support.connections import ConnectionTestCase, Echo
from txsockjs import Rejected
from txsockjs.connection import (
    BaseSession,
    ConnectionFactory,
    ConnectionInfo,
    SockJSConnection,
)
from txsockjs.core import frames
from txsockjs.multiplex import MultiplexFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

TRANSPORTS = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


class HTTPError(Exception):
    """As Tornado's."""

    def __init__(self, status_code: Any, reason: str | None = None) -> None:
        self.status_code = status_code
        self.reason = reason


class TalkTests(ConnectionTestCase):
    """Messages."""

    def test_echo(self) -> None:
        """They come in and go out as they are, on every transport."""
        for transport in TRANSPORTS:
            self.serve(Echo)
            session = self.session(transport)
            session.send("", "Grüße", "</script>")
            session.send("\ud800")
            self.assertEqual(session.received, ["", "Grüße", "</script>", "\ud800"])

    def test_raw(self) -> None:
        """A raw WebSocket has text and, where it is asked for, binary messages."""

        class Both(SockJSConnection):
            def on_message(self, message: str) -> None:
                self.send(message)
                self.send(message.encode())
                self.send(message, binary=True)
                self.send(b"\xff", binary=True)

        self.serve(Both)
        socket = self.client.websocket("/chat/websocket")
        socket.send("é".encode())
        self.assertEqual(socket.messages, ["é", "é", "é".encode(), b"\xff"])

    def test_notMessages(self) -> None:
        """Neither str nor bytes: the error tells what was given, and what to do."""
        errors: list[str] = []

        def on_open(self: SockJSConnection, request: object) -> None:
            wrong: Any = {"a": 1}
            for send in self.send, lambda m: self.broadcast([self], m):
                try:
                    send(wrong)
                except TypeError as error:
                    errors.append(str(error))

        self.assertEqual(self.open(on_open).received, [])
        text = "takes str or bytes, not dict; json.dumps makes a str"
        self.assertEqual(errors, [f"send {text}", f"broadcast {text}"])

    def test_noOnMessage(self) -> None:
        """A class without ``on_message`` is told so, and the session fails."""
        self.serve(SockJSConnection)
        session = self.session()
        session.send("hello")
        self.assertEqual(session.closed, (1011, "Internal error"))
        [failure] = self.flushLoggedErrors(NotImplementedError)
        self.assertIn("SockJSConnection has no on_message", str(failure.value))

    def test_broadcast(self) -> None:
        """It reaches all that are open, by connection, session or router."""
        present: list[SockJSConnection] = []

        def on_open(self: SockJSConnection, request: object) -> None:
            present.append(self)

        sessions = [self.open(on_open), *map(self.session, TRANSPORTS)]
        first, second = present[:2]
        self.router.broadcast(present, "a")
        first.broadcast(iter(present), b"b")
        second.close()
        self.assertTrue(second.is_closed)
        second.send("to nobody")
        second.session.broadcast(present, "c")
        self.site.settle()
        for session in sessions:
            told = ["a", "b"] if session is sessions[1] else ["a", "b", "c"]
            self.assertEqual(session.received, told)

    def test_encodedOnce(self) -> None:
        """What is broadcast is encoded once, for any number of sessions."""
        present: list[SockJSConnection] = []
        sessions = [self.open(lambda self, info: present.append(self))]
        sessions += map(self.session, TRANSPORTS)
        encoded: list[str] = []

        def counting(text: str) -> bytes:
            encoded.append(text)
            return b'"%b"' % text.encode()

        self.patch(frames, "quote", counting)
        self.router.broadcast(present, "all")
        self.site.settle()
        for session in sessions:
            self.assertEqual(session.received, ["all"])
        self.assertEqual(encoded, ["all"])

    def test_channel(self) -> None:
        """Its factory serves the channels of a multiplexed session too."""
        clock = MemoryReactor()
        multiplex = MultiplexFactory(clock)
        multiplex.addFactory("echo", ConnectionFactory(Echo, clock))
        site = MemorySite.serving(multiplex)
        self.addCleanup(site.stop)
        session = MemoryClient(site).session()
        session.send("sub,echo", "msg,echo,hi")
        self.assertEqual(session.received, ["msg,echo,hi"])


class OpeningTests(ConnectionTestCase):
    """``on_open``, and whom it rejects."""

    def request(self, path: str, **headers: str) -> ConnectionInfo:
        """What it is called with."""
        seen: list[ConnectionInfo] = []
        self.serve(
            type("Seeing", (Echo,), {"on_open": lambda self, info: seen.append(info)})
        )
        self.client.request("POST", path, list(headers.items()))
        return seen[0]

    def test_request(self) -> None:
        """It tells of the request that opened the session."""
        info = self.request(
            "/chat/000/s1/xhr?name=J%C3%BCrgen&name=x&n=5",
            Cookie='user=me; quoted="a b"; bad@name=1',
            Accept="text/plain",
        )
        self.assertEqual(info.ip, "192.0.2.7")
        self.assertEqual(info.path, "/chat/000/-/xhr")
        self.assertEqual(info.get_argument("name"), "Jürgen")
        self.assertEqual(info.arguments["name"], ["Jürgen", "x"])
        self.assertEqual(info.get_header("ACCEPT"), "text/plain")
        self.assertEqual(info.headers["accept"], "text/plain")
        self.assertIn("accept", set(info.headers))
        user, quoted = info.get_cookie("user"), info.get_cookie("quoted")
        assert user is not None and quoted is not None
        self.assertEqual((user.key, user.value), ("user", "me"))
        self.assertEqual(quoted.value, "a b")
        self.assertEqual(set(info.cookies), {"user", "quoted"})

    def test_bytes(self) -> None:
        """What decodes an argument, which is bytes there, runs."""
        argument = self.request("/chat/000/s1/xhr?n=5").get_argument("n")
        assert argument is not None
        self.assertEqual(int(argument), 5)
        self.assertEqual(argument.decode("utf-8"), "5")

    def test_nothing(self) -> None:
        """What was not sent is None."""
        info = self.request("/chat/000/s1/xhr")
        self.assertIsNone(info.get_argument("name"))
        self.assertIsNone(info.get_cookie("name"))
        self.assertIsNone(info.get_header("X-Name"))

    def test_false(self) -> None:
        """False rejects, and nothing else that it may return."""
        session = self.open(lambda self, info: False)
        self.assertEqual(session.closed, (3000, "Go away!"))
        for accepting in None, True, 0, "":
            session = self.open(lambda self, info, result=accepting: result)
            self.assertIsNone(session.closed)

    def test_raises(self) -> None:
        """What has a status rejects with it, and ``Rejected`` with its own code."""
        for error, close in (
            (HTTPError(403), (4403, "Forbidden")),
            (HTTPError(403, "Not you"), (4403, "Not you")),
            (HTTPError(599), (4599, "Rejected")),
            (Rejected(4001, "No"), (4001, "No")),
        ):

            def on_open(self: Any, info: Any, error: Exception = error) -> None:
                self.send("bye")
                raise error

            session = self.open(on_open)
            self.assertEqual(session.received, ["bye"])
            self.assertEqual(session.closed, close)

    def test_fault(self) -> None:
        """What has none is a fault, which is logged."""
        for error in ValueError("oh"), HTTPError("403"), HTTPError(42):

            def on_open(self: Any, info: Any, error: Exception = error) -> None:
                raise error

            session = self.open(on_open)
            self.assertEqual(session.closed, (1011, "Internal error"))
            self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)

    def test_rejectedCloses(self) -> None:
        """``on_close`` follows a rejection; what it raises then is no error."""
        present: set[object] = set()
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.open(lambda self, info: False, on_close=lambda self: present.remove(self))
        [event] = [e for e in events if "has rejected" in (e.get("log_format") or "")]
        self.assertIs(event["log_level"], LogLevel.debug)
        self.assertIsInstance(event["error"], KeyError)

    def test_constructor(self) -> None:
        """A connection that cannot be made is a fault of its session alone."""

        class Broken(Echo):
            def __init__(self, session: BaseSession) -> None:
                super().__init__(session)
                raise ValueError("not made")

        self.serve(Broken)
        self.assertEqual(self.session().closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class ClosingTests(ConnectionTestCase):
    """The end of a connection."""

    def test_close(self) -> None:
        """It delivers what was sent; ``on_close`` comes once, and not from inside."""
        seen: list[str] = []

        def on_open(self: SockJSConnection, info: object) -> None:
            self.send("last")
            self.close(4000, "enough")
            self.close()
            seen.append(f"open {self.is_closed}")

        session = self.open(on_open, on_close=lambda self: seen.append("closed"))
        self.assertEqual(session.received, ["last"])
        self.assertEqual(session.closed, (4000, "enough"))
        self.assertEqual(seen, ["open True", "closed"])

    def test_default(self) -> None:
        """Without a code, it is the one that sockjs-tornado has."""
        session = self.open(lambda self, info: self.close())
        self.assertEqual(session.closed, (3000, "Go away!"))

    def test_badCode(self) -> None:
        """A code that cannot be sent is an error that names it; nothing is closed."""
        seen: list[object] = []

        def on_open(self: SockJSConnection, info: object) -> None:
            error = None
            try:
                self.close(1005)
            except ValueError as raised:
                error = raised
            seen.extend((str(error), self.is_closed))

        self.assertIsNone(self.open(on_open).closed)
        self.assertIn("not 1005", str(seen[0]))
        self.assertIs(seen[1], False)

    def test_gone(self) -> None:
        """A browser that goes is heard of, over WebSocket at once."""
        present: list[SockJSConnection] = []
        seen: list[bool] = []
        session = self.open(
            lambda self, info: present.append(self),
            on_close=lambda self: seen.append(self.is_closed),
        )
        session.abort()
        self.assertEqual(seen, [True])

    def test_onCloseRaises(self) -> None:
        """What ``on_close`` raises is logged."""

        def on_close(self: SockJSConnection) -> None:
            raise ValueError("left")

        self.open(lambda self, info: None, on_close=on_close).abort()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_session(self) -> None:
        """The session has the state, transport and a name, that are of use there."""
        present: list[Any] = []
        self.open(lambda self, info: present.append(self), on_close=lambda self: None)
        self.session("xhr_streaming")
        first, second = (connection.session for connection in present)
        self.assertEqual(first.transport_name, "websocket")
        self.assertEqual(second.transport_name, "xhr_streaming")
        self.assertNotEqual(first.session_id, second.session_id)
        self.assertEqual(first.session_id, first.session_id)
        self.assertIs(first.server, self.router)
        self.assertIs(first.conn, present[0])
        self.assertEqual(first.get_close_reason(), (3000, "Go away!"))
        first.close(4001, "that's it")
        self.assertEqual(first.get_close_reason(), (4001, "that's it"))
        first.close(4002, "again")
        self.assertEqual(first.get_close_reason(), (4001, "that's it"))
        self.assertTrue(present[0].is_closed)
        self.assertFalse(present[1].is_closed)

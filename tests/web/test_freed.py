"""What is left of a session that has ended."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import Socket, closeFrame


class FreedTests(ServiceCase):
    """
    Ended sessions do not wait for the garbage collector.
    """

    def test_closed(self) -> None:
        """
        Of a WebSocket that its peer has closed nothing is left, framed or raw, once the
        application has let go of its protocol.
        """
        for path in ["/0/s/websocket", "/websocket"]:
            self.serve(Echo)
            socket = Socket(self.connect(), path)
            [protocol] = self.sessions
            session = protocol.transport._session
            watched: list[Any] = [
                ref(protocol),
                ref(session._receiver._socket),
                ref(protocol.transport.request),
            ]
            del session, protocol
            gc.disable()
            self.addCleanup(gc.enable)
            socket.send(closeFrame(1000))
            self.assertTrue(socket.closed)
            self.sessions.clear()
            self.assertEqual([each() for each in watched], [None] * 3)


class GatheredTests(ServiceCase):
    """
    The answer to a handshake goes out with what is sent as soon as it is open.
    """

    def sent(self, path: str, **options: Any) -> list[int]:
        """
        How many bytes each call of the network had.
        """
        sizes: list[int] = []

        class Greeting(Echo):
            def connectionMade(self) -> None:
                super().connectionMade()
                for _ in range(options["count"]):
                    self.transport.write(b"x" * options["size"])

        self.serve(Greeting)
        connection = self.connect()
        read = connection.dataReceived

        def dataReceived(data: bytes) -> None:
            sizes.append(len(data))
            read(data)

        connection.dataReceived = dataReceived  # type: ignore[method-assign]
        Socket(connection, path)
        return sizes

    def test_one(self) -> None:
        """
        With the first frames they are one piece.
        """
        self.assertEqual(len(self.sent("/0/s/websocket", count=1, size=10)), 1)
        self.assertEqual(len(self.sent("/websocket", count=1, size=10)), 1)

    def test_much(self) -> None:
        """
        Who sends much at once is told to wait as at any other time, and nothing is
        lost.
        """
        self.assertGreater(sum(self.sent("/websocket", count=5, size=60_000)), 300_000)

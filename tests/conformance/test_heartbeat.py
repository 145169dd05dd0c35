"""
Section 5: the heartbeat.
"""

from __future__ import annotations

from tests.conformance.support import ConformanceTest
from tests.conformance.websocket import connect
from tests.conformance.wire import POLLING, STREAMING, framed


class HeartbeatTests(ConformanceTest):
    """
    A receiving connection is told C{h} after 25 seconds of silence, or after what the
    target has; a server of the test's own has a tenth of one.
    """

    timeout = 90
    patience = 30
    options = {"heartbeat": 0.1}

    async def poll(self, transport: str) -> bytes:
        session = self.session()
        await session.open(transport)
        return await session.poll(transport)

    async def stream(self, transport: str) -> bytes:
        stream = await self.session().openStream(transport)
        return await stream.read(len(framed(transport, "h")))

    async def testHTTP(self) -> None:
        """
        Every HTTP transport has its frame C{h}; all wait at once, for that takes long.
        """
        started = {name: self.start(self.poll(name)) for name in POLLING}
        started |= {name: self.start(self.stream(name)) for name in STREAMING}
        received = {name: await frame for name, frame in started.items()}
        self.assertEqual(received, {name: framed(name, "h") for name in started})

    async def testWebSocket(self) -> None:
        """
        So has a WebSocket.
        """
        path = f"{self.session().path}/websocket"
        socket = await connect(self.target, path, self.patience)
        self.addCleanup(socket.stop)
        self.assertEqual(await socket.receive(), "o")
        self.assertEqual(await socket.receive(), "h")

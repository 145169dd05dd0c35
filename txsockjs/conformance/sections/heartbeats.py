"""
Section 5: the heartbeat.
"""

from __future__ import annotations

from typing import ClassVar

from txsockjs.conformance.case import Case
from txsockjs.conformance.websocket import connect
from txsockjs.conformance.wire import POLLING, STREAMING, framed


class HeartbeatTests(Case):
    """
    A receiving connection is told ``h`` after 25 seconds of silence, or after what the
    server has.
    """

    slow = True
    timeout: ClassVar[int] = 90
    silence: ClassVar[int] = 30

    async def poll(self, transport: str) -> bytes:
        session = self.session()
        await session.open(transport)
        return await session.poll(transport)

    async def stream(self, transport: str) -> bytes:
        stream = await self.session().openStream(transport)
        return await stream.read(len(framed(transport, "h")))

    async def testHTTP(self) -> None:
        """
        Every HTTP transport has its frame ``h``; all wait at once, for that takes long.
        """
        started = {name: self.start(self.poll(name)) for name in POLLING}
        started |= {name: self.start(self.stream(name)) for name in STREAMING}
        received = {name: await frame for name, frame in started.items()}
        self.assertEqual(received, {name: framed(name, "h") for name in started})

    async def testWebSocket(self) -> None:
        """
        So has a WebSocket.
        """
        path = f"{self.session('websocket').path}/websocket"
        socket = await connect(self.target, path, self.patience)
        self.atEnd(socket.stop)
        self.assertEqual(await socket.receive(), "o")
        self.assertEqual(await socket.receive(), "h")

"""Workers of ``twistd sockjs --workers`` that hang."""

from __future__ import annotations

import os
import signal

from twisted.internet import reactor
from twisted.internet.error import ConnectionLost
from twisted.internet.task import deferLater

from tests.support.programs.twistd import Twistd
from tests.support.programs.workers import WorkersTestCase, children, commandOf

#: A service whose protocol blocks its process for ever.
BLOCKING = """
import signal
from twisted.internet.protocol import Protocol

class Blocking(Protocol):
    def dataReceived(self, data):
        while True:
            signal.pause()
"""


class HungTests(WorkersTestCase):
    """
    A time-out of two seconds.
    """

    async def serve(self, *arguments: str) -> tuple[Twistd, dict[str, int]]:
        """
        Start two workers.

        :return: the server, and the processes that it has started, by their names.
        """
        twistd = await self.begin("--worker-timeout=2", *arguments)
        pids = children(twistd.transport.pid)
        return twistd, {commandOf(pid).split("\0")[-2]: pid for pid in pids}

    async def test_blocked(self) -> None:
        """
        One whose code blocks it is killed, after it has said where it was, and another
        one takes its place. That is logged. A client that waited is let go, and
        connects again.
        """
        (self.here / "blocking.py").write_text(BLOCKING)
        twistd, before = await self.serve("--service=block=blocking.Blocking")
        session = await self.connect("block")
        await session.send("now")
        line = (
            r"Worker (\d) has given no sign of life for 2 s: killing it\.(?s:.*)"
            r"worker \1: .*blocking\.py\", line 8 in dataReceived(?s:.*)"
            r"Worker \1 has died \(signal 6\)\. It is started again in 0\.5 s\."
            r"(?s:.*)Worker \1 is ready\."
        )
        name = (await twistd.until(line))[1]
        with self.assertRaises(ConnectionLost):
            await session.recv()
        after = set(await self.pids())
        self.assertEqual(len(after), 2)
        self.assertNotIn(before[name], after)

    async def test_stopped(self) -> None:
        """
        One that is stopped is killed, and so is the process of the rooms; both are
        started again. Where the parent was stopped with them, for longer, none is
        killed.
        """
        twistd, before = await self.serve("--service=r=txsockjs.rooms.RoomsFactory")
        everybody = [*before.values(), twistd.transport.pid]
        self.assertEqual(len(everybody), 4)
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        # There is nothing to be seen of them meanwhile.
        await deferLater(reactor, 3)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        for name in "0", "rooms":
            os.kill(before[name], signal.SIGSTOP)
        for name in "0", "rooms":
            await twistd.until(
                rf"Worker {name} has died \(signal 9\)\. It is started again in 0\.5 s"
            )
        await twistd.until(r"Worker 0 is ready\.")
        self.assertNotIn("Worker 1 has", twistd.output)
        self.assertIn(before["1"], await self.pids())

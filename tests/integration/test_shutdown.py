"""A server that stops under load."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping

import treq
from twisted.internet import reactor

from tests.support import sockets
from tests.support.programs.node import SCRIPTS, need
from tests.support.programs.readers import TRANSPORTS as READING
from tests.support.programs.readers import openReader
from tests.support.programs.twistd import TERMINATED, Twistd, TwistdTestCase
from tests.support.programs.watching import watch

LISTEN = "--listen=tcp:0:interface=127.0.0.1"
HANDSHAKE = {**sockets.HANDSHAKE, "Host": "127.0.0.1"}
TRANSPORTS = ("websocket", "xhr-streaming", "eventsource", "xhr-polling")

SERVICE = '''
import json
from twisted.internet import reactor, task
from twisted.internet.protocol import Protocol

sessions = []

class Counter(Protocol):
    """Writes numbered messages as long as the server is not told to stop."""

    name = None
    count = 0

    def connectionMade(self):
        sessions.append(self)
        self.call = task.LoopingCall(self.write)
        self.call.start(0.01)

    def write(self):
        for _ in range(3):
            self.transport.write(b"%d " % self.count + b"x" * 200)
            self.count += 1

    def dataReceived(self, data):
        self.name = self.name or data.decode()

    def connectionLost(self, reason):
        if self.call.running:
            self.call.stop()

def stop():
    for session in sessions:
        if session.call.running:
            session.call.stop()
    print("wrote", json.dumps({each.name: each.count for each in sessions}), flush=True)

# twistd stops its services after what was here before.
reactor.addSystemEventTrigger("before", "shutdown", stop)
'''


#: How a session ends for the client: code, reason, and whether it was clean.
RESTARTED = [1012, "Service Restart", True]

COUNT = 200

BURSTS = f'''
from twisted.internet.protocol import Protocol
from tests.support.programs.readers import numbered

class Burst(Protocol):
    """Writes more than the network holds."""

    def connectionMade(self):
        for number in range({COUNT}):
            self.transport.write(numbered(number, 15_000).encode())
'''


class LoadTests(TwistdTestCase):
    """
    The stock client, which sends and is sent to all the time.
    """

    async def test_nothingLost(self) -> None:
        """
        Whatever the application wrote before the stop arrives, once and in order, and
        then the close frame, over each transport.
        """
        need("node", packages=("sockjs-client",))
        (self.here / "counting.py").write_text(SERVICE)
        twistd = self.start(LISTEN, "--service=count=counting.Counter")
        url = f"{await twistd.url()}/count"
        node = shutil.which("node") or "node"
        script = str(SCRIPTS / "drain.js")
        clients = watch(self, node, script, url, "8", *TRANSPORTS)
        await clients.until("ready")
        twistd.terminate()
        self.assertEqual(await twistd.ended, TERMINATED)
        await clients.ended
        wrote = json.loads(re.search(r"wrote ({.*})", twistd.output)[1])
        seen = json.loads(clients.output.splitlines()[-1])
        self.assertEqual(len(seen), 32)
        for each in seen:
            name = each["name"]
            # None of what has crossed the close frame was refused.
            expected = {"name": name, "received": wrote[name], "wrong": None}
            self.assertEqual(each, {**expected, "how": RESTARTED})


async def status(
    method: str, url: str, headers: Mapping[str, str] | None = None
) -> int:
    """
    The status of the answer to a request.
    """
    response = await treq.request(method, url, headers=headers, persistent=False)
    await response.content()
    return response.code


class DrainTests(TwistdTestCase):
    """
    What can be seen from outside while a server stops.
    """

    async def serve(self, *options: str) -> tuple[Twistd, int]:
        """
        Start a server of bursts.

        :return: the server, and its port.
        """
        (self.here / "bursts.py").write_text(BURSTS)
        given = [f"--option={option}" for option in options]
        twistd = self.start(LISTEN, "--service=burst=bursts.Burst", *given)
        return twistd, int((await twistd.url()).rpartition(":")[2])

    async def test_refused(self) -> None:
        """
        Until the last session has ended, the port answers: ``info`` and whatever would
        open a session are refused with 503.
        """
        twistd, port = await self.serve("timeout=60", "drain_timeout=60")
        session = await openReader(self, port, "/burst/0/s", "xhr_streaming")
        session.transport.pauseProducing()
        twistd.terminate()
        base = f"http://127.0.0.1:{port}/burst"
        while await status("GET", f"{base}/info") == 200:
            pass
        codes = [
            await status("POST", f"{base}/0/new/xhr"),
            await status("GET", f"{base}/0/new/eventsource"),
            await status("GET", f"{base}/0/new/websocket", HANDSHAKE),
            await status("GET", f"{base}/info"),
        ]
        self.assertEqual(codes, [503] * 4)
        session.transport.resumeProducing()
        self.assertEqual(await twistd.ended, TERMINATED)
        self.assertEqual((session.count, session.wrong), (COUNT, None))

    async def test_slow(self) -> None:
        """
        Who has read nothing until then gets all that was written, and the close frame.
        """
        twistd, port = await self.serve()
        sessions = []
        for number, name in enumerate(READING):
            session = await openReader(self, port, f"/burst/0/{number}", name)
            session.transport.pauseProducing()
            sessions.append(session)
        twistd.terminate()
        for session in sessions:
            session.transport.resumeProducing()
        self.assertEqual(await twistd.ended, TERMINATED)
        seen = [(each.count, each.wrong, each.code) for each in sessions]
        self.assertEqual(seen, [(COUNT, None, 1012)] * 4)

    async def test_capped(self) -> None:
        """
        Who does not read at all is waited for as long as ``drain_timeout`` says.
        """
        twistd, port = await self.serve("timeout=60", "drain_timeout=1")
        for number, name in enumerate(READING):
            session = await openReader(self, port, f"/burst/0/{number}", name)
            session.transport.pauseProducing()
        before = reactor.seconds()
        twistd.terminate()
        self.assertEqual(await twistd.ended, TERMINATED)
        self.assertGreater(reactor.seconds() - before, 0.9)
        self.assertIn("Dropping 4 SockJS sessions", twistd.output)

    async def test_twice(self) -> None:
        """
        A second signal drops who does not read, at once, and is one line in the log.
        """
        for number, name in enumerate(("TERM", "INT")):
            twistd, port = await self.serve("timeout=60", "drain_timeout=60")
            session = await openReader(
                self, port, f"/burst/0/{number}", "xhr_streaming"
            )
            session.transport.pauseProducing()
            twistd.terminate()
            url = f"http://127.0.0.1:{port}/burst/info"
            while await status("GET", url) == 200:
                pass
            before = reactor.seconds()
            twistd.transport.signalProcess(name)
            self.assertEqual(await twistd.ended, TERMINATED)
            self.assertLess(reactor.seconds() - before, 10)
            said = twistd.output.partition("Received SIGTERM")[2]
            self.assertIn("#warn] Told to stop once more", said)
            self.assertNotIn("Traceback", said)
            self.assertNotIn("#critical", said)
            self.assertNotIn("Dropping", said)

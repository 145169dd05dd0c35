"""A server that stops under load."""

from __future__ import annotations

import json
import re
import shutil

from tests.integration.node import SCRIPTS, need
from tests.integration.twistd import TERMINATED, TwistdTestCase
from tests.integration.watching import watch

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
        twistd = self.start(
            "--listen=tcp:0:interface=127.0.0.1", "--service=count=counting.Counter"
        )
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
        told = {"code": 1012, "reason": "Service Restart", "wasClean": True}
        expected = [
            {"name": name, "received": wrote[name], "wrong": None, **told}
            for name in (each["name"] for each in seen)
        ]
        self.assertEqual([s for s in seen if s not in expected], [])

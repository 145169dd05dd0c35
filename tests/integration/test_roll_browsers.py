"""SIGHUP to ``twistd sockjs --workers``, while pages in a browser talk."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.integration.test_browsers import EXPECTED_ERROR
from tests.integration.test_shutdown import RESTARTED
from tests.support.programs.certificates import makeCertificate
from tests.support.programs.clusters import pages
from tests.support.programs.node import need, runNode
from tests.support.programs.workers import WorkersTestCase

TRANSPORTS = (
    "websocket",
    "xhr-streaming",
    "eventsource",
    "htmlfile",
    "xhr-polling",
    "jsonp-polling",
)

#: Each page has two sessions at a time.
NAMES = {each: [f"{each} {place}" for place in range(2)] for each in TRANSPORTS}

#: So many numbers have come from a session when it says so, and go to it in the end.
ENOUGH = 20

SERVICE = f'''
import json
from twisted.internet import reactor, task
from twisted.internet.protocol import Protocol

sessions = set()

class Numbers(Protocol):
    """Writes numbers until the server is told to stop, and takes some meanwhile."""

    name = None
    wrote = heard = 0

    def connectionMade(self):
        sessions.add(self)
        self.call = task.LoopingCall(self.write)
        self.call.start(0.05)

    def write(self):
        self.transport.write(b"%d " % self.wrote + b"x" * 200)
        self.wrote += 1

    def dataReceived(self, data):
        self.name, _, number = data.decode().rpartition(" ")
        if int(number) != self.heard:
            print("wrong:", data, "after", self.heard, flush=True)
        self.heard += 1
        if self.heard == {ENOUGH}:
            print("talking:", self.name, flush=True)

    def connectionLost(self, reason):
        sessions.discard(self)
        self.stop()
        found = {{key: getattr(self, key) for key in ("name", "wrote", "heard")}}
        print("session:", json.dumps(found), flush=True)

    def stop(self):
        if self.call.running:
            self.call.stop()

def stop():
    for session in sessions:
        session.stop()

# twistd stops its services after what was here before.
reactor.addSystemEventTrigger("before", "shutdown", stop)
'''


class BrowserRollTests(WorkersTestCase):
    """
    The stock client in Chromium, over plain HTTP/1.1.
    """

    timeout = 120
    arguments: tuple[str, ...] = ()

    async def talk(self) -> list[list[dict[str, Any]]]:
        """
        Have pages talk, until they have done so in a second session.

        :return: for each name what the page has seen of its sessions.
        """
        need("node", "chromium", packages=("puppeteer-core", "sockjs-client"))
        common = {"url": f"{self.url}/numbers", "enough": ENOUGH}
        # In milliseconds: to open, and of a whole session.
        common |= {"patience": 10_000, "timeout": 60_000}
        groups = [
            {
                "page": f"{self.url}/page/page.html",
                "runs": [
                    {
                        "key": transport,
                        "scenario": "roll",
                        "options": {**common, "transport": transport, "names": names},
                    }
                ],
            }
            for transport, names in NAMES.items()
        ]
        chromium = shutil.which("chromium")
        plan = {"browser": "chrome", "executable": chromium, "groups": groups}
        results = await runNode(reactor, "browser.js", json.dumps(plan))
        errors = [each["result"] for each in results if each["key"] == "error"]
        self.assertEqual(
            [each for each in errors if not EXPECTED_ERROR.search(each)], []
        )
        found = {each["key"]: each["result"] for each in results}
        return [seen for transport in NAMES for seen in found[transport]]

    async def test_nothingLost(self) -> None:
        """
        Whatever an old worker has written arrives in the page, once and in order, and
        then the close frame, over each transport. The worker has had what the page has
        sent from the first number on, once and in order. The page then has a session in
        a new worker at its first attempt.
        """
        (self.here / "rolling.py").write_text(SERVICE)
        service = "--service=numbers=rolling.Numbers"
        twistd = await self.begin(service, f"--static={pages(self)}", *self.arguments)
        talking = Deferred.fromCoroutine(self.talk())
        names = [name for names in NAMES.values() for name in names]
        for name in names:
            await twistd.until(rf"talking: {name}\n")
        twistd.transport.signalProcess("HUP")
        seen = await talking
        for name in names:
            await twistd.until(rf'session: .*"{name}"')
        # Once more after the test: nobody is there whose sessions have to be awaited.
        twistd.terminate()
        found = map(json.loads, re.findall(r"session: ({.*})", twistd.output))
        told = {each["name"]: each for each in found}
        self.assertNotIn("wrong:", twistd.output)
        unfinished = [each for pair in seen for each in pair if "error" in each]
        self.assertEqual(unfinished, [])
        self.assertEqual([before["name"] for before, _ in seen], names)
        for before, after in seen:
            name, server = before["name"], told[before["name"]]
            received = (before["received"], before["wrong"])
            self.assertEqual(received, (server["wrote"], None), name)
            self.assertTrue(ENOUGH <= server["heard"] <= before["sent"], name)
            self.assertEqual(before["how"], RESTARTED, name)
            # It has left by itself.
            self.assertNotIn("how", after, name)
            self.assertEqual((after["received"], after["wrong"]), (ENOUGH, None), name)


class BrowserHTTP2RollTests(BrowserRollTests):
    """
    The stock client in Chromium, over HTTP/2, but for its WebSockets.
    """

    listen = (
        "--listen=ssl:0:interface=127.0.0.1:privateKey=server.pem:certKey=server.pem"
    )
    arguments = ("--access-log=access.log",)

    def setUp(self) -> None:
        super().setUp()
        pem = makeCertificate().dumpPEM()  # type: ignore[no-untyped-call]
        (self.here / "server.pem").write_bytes(pem)

    async def test_nothingLost(self) -> None:
        """
        The same holds there.
        """
        await super().test_nothingLost()
        requests = re.findall(
            r'"POST /numbers/\S+/xhr_send\S* (\S+)"',
            (self.here / "access.log").read_text(),
        )
        self.assertEqual(set(requests), {"HTTP/2"})

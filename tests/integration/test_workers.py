"""``twistd sockjs --workers``: processes, sockets and signals."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.error import ConnectionLost

from tests.support.programs.twistd import Twistd
from tests.support.programs.workers import (
    LISTEN,
    WorkersTestCase,
    children,
    commandOf,
    running,
)
from txsockjs.errors import SessionEnded


class SpreadTests(WorkersTestCase):
    """
    Who gets what comes.
    """

    async def test_even(self) -> None:
        """
        Of 200 connections each of two workers gets between 60 and 140, and the parent
        none. SIGTERM then ends all with status 0.
        """
        twistd = await self.begin()
        pids = await self.pids(200)
        self.assertEqual(len(pids), 2)
        self.assertNotIn(twistd.transport.pid, pids)
        for count in pids.values():
            self.assertTrue(60 <= count <= 140, pids)
        twistd.terminate()
        self.assertEqual(await twistd.ended, 0)
        self.assertNotIn("Traceback", twistd.output)

    async def test_transports(self) -> None:
        """
        A session is served over each transport, whichever worker a request comes to.
        """
        await self.begin(workers=3)
        for transport in "xhr-streaming", "xhr-polling", "websocket":
            for _ in range(4):
                async with self.connect("echo", transport) as session:
                    for number in range(5):
                        await session.send(str(number))
                        self.assertEqual(await session.recv(), str(number))


class MetricsTests(WorkersTestCase):
    """
    ``--metrics``.
    """

    async def test_both(self) -> None:
        """
        From one endpoint come the series of all workers, whichever answers; of one that
        hangs, that it does, in bounded time.
        """
        listen = "--metrics=tcp:0:interface=127.0.0.1"
        twistd = await self.begin(listen)
        where = (await twistd.until(r"Metrics at (\S+)\n"))[1]
        pids = await self.pids(40)

        async def metrics() -> str:
            response = await treq.get(where, persistent=False)
            self.assertEqual(response.code, 200)
            return await response.text()

        for _ in range(4):
            text = await metrics()
            found = re.findall(
                r'sockjs_sessions_opened_total{service="pid",transport="websocket",'
                r'worker="(\d)"} (\d+)\.0',
                text,
            )
            self.assertEqual([worker for worker, _ in found], ["0", "1"])
            opened = {int(count) for _, count in found}
            self.assertEqual(opened, set(pids.values()))
            self.assertEqual(text.count("# TYPE sockjs_sessions_open gauge"), 1)
            self.assertIn('process_resident_memory_bytes{worker="1"}', text)
        stopped = next(iter(pids))
        os.kill(stopped, signal.SIGSTOP)
        try:
            # What the one that is stopped has accepted waits with it.
            answers = [Deferred.fromCoroutine(metrics()) for _ in range(10)]
            text, _ = await DeferredList(answers, fireOnOneCallback=True)
            self.assertRegex(text, r'sockjs_worker_up{worker="\d"} 0\.0')
            self.assertRegex(text, r'sockjs_worker_up{worker="\d"} 1\.0')
        finally:
            os.kill(stopped, signal.SIGCONT)
        await gatherResults(answers)


class RoomsTests(WorkersTestCase):
    """
    Rooms without another server.
    """

    async def ask(self, session: Any, **request: Any) -> dict[str, Any]:
        await session.send(json.dumps(request))
        return json.loads(await session.recv())

    async def test_across(self) -> None:
        """
        What is said in one worker is heard in the other. The history survives a worker
        that is killed, whose members have left.
        """
        service = "--service=rooms=txsockjs.rooms.RoomsFactory"
        twistd = await self.begin(service, "--room=*:history=5")
        join = {"type": "join", "room": "r", "presence": True}
        # On each connection, whose worker is that of its WebSocket's.
        ada, bob = [await self.connect("rooms") for _ in range(2)]
        while not await self.apart(twistd, ada, bob):
            await bob.close()
            bob = await self.connect("rooms")
        self.assertEqual((await self.ask(bob, **join))["type"], "joined")
        await ada.send(json.dumps({**join, "info": "ada"}))
        self.assertEqual(json.loads(await bob.recv())["type"], "memberJoined")
        await ada.recv()
        await ada.send(json.dumps({"type": "publish", "room": "r", "text": "Grüße"}))
        heard = json.loads(await bob.recv())
        self.assertEqual((heard["type"], heard["text"]), ("message", "Grüße"))
        os.kill(self.workerOf(twistd, ada), signal.SIGKILL)
        self.assertEqual(json.loads(await bob.recv())["type"], "memberLeft")
        late = await self.connect("rooms")
        joined = await self.ask(late, type="join", room="r", recent=5)
        messages = [joined, json.loads(await late.recv())]
        self.assertIn("Grüße", [each.get("text") for each in messages])
        for session in bob, late:
            await session.close()

    async def test_broker(self) -> None:
        """
        Where the process of the rooms dies, another one takes its place: members are
        told that they may have missed something, and hear what is said from then on.
        """
        service = "--service=rooms=txsockjs.rooms.RoomsFactory"
        twistd = await self.begin(service, "--room=*:history=5")
        ada, bob = [await self.connect("rooms") for _ in range(2)]
        for session in ada, bob:
            await self.ask(session, type="join", room="r")
        publish = {"type": "publish", "room": "r", "text": "x"}
        await ada.send(json.dumps(publish))
        for session in ada, bob:
            self.assertEqual(json.loads(await session.recv())["type"], "message")
        [broker] = [
            pid
            for pid in children(twistd.transport.pid)
            if commandOf(pid).endswith("\0rooms\0")
        ]
        os.kill(broker, signal.SIGKILL)
        await twistd.until(
            r"Worker rooms has died \(signal 9\)\. It is started again in 0\.5 s"
        )
        await twistd.until(r"(?s)(The rooms of this machine are there\..*){2}")
        await ada.send(json.dumps(publish))
        for session in ada, bob:
            heard = []
            while "message" not in heard:
                heard.append(json.loads(await session.recv())["type"])
            self.assertEqual(heard, ["gap", "message"])
        for session in ada, bob:
            await session.close()

    async def apart(self, twistd: Twistd, *sessions: Any) -> bool:
        found = {self.workerOf(twistd, each) for each in sessions}
        return len(found) == len(sessions)

    def workerOf(self, twistd: Twistd, session: Any) -> int:
        """
        The process at the other end of a session's connection.
        """
        port = session.transport.getHost().port
        server = int(self.url.rpartition(":")[2])
        ends = f"0100007F:{server:04X} 0100007F:{port:04X} 01"
        [line] = [
            line.split()
            for line in Path("/proc/net/tcp").read_text().splitlines()
            if ends in line
        ]
        [pid] = [
            pid
            for pid in children(twistd.transport.pid)
            for file in Path(f"/proc/{pid}/fd").iterdir()
            if os.path.islink(file) and os.readlink(file) == f"socket:[{line[9]}]"
        ]
        return pid


class DeathTests(WorkersTestCase):
    """
    A worker that dies.
    """

    async def test_killed(self) -> None:
        """
        Another one is started, and meanwhile nothing is refused. Only the sessions of
        the dead one end.
        """
        twistd = await self.begin()
        sessions: dict[int, Any] = {}
        while len(sessions) < 2:
            session = await self.connect("pid")
            pid = int((await session.recv()).split()[0])
            if pid in sessions:
                await session.close()
            else:
                sessions[pid] = session
        dead, alive = sessions
        os.kill(dead, signal.SIGKILL)
        self.assertEqual(set(await self.pids()), {alive})
        await twistd.until(r"Worker \d has died \(signal 9\)\. It is started again in ")
        found: set[int] = set()
        while len(found) < 2:
            found |= set(await self.pids())
        self.assertNotIn(dead, found)
        await sessions[alive].send("still there")
        self.assertEqual(await sessions[alive].recv(), "still there")
        await sessions[alive].close()
        with self.assertRaises(ConnectionLost):
            await sessions[dead].recv()

    async def test_pauses(self) -> None:
        """
        One that dies again and again is started after longer and longer pauses.
        """
        twistd = await self.begin()
        for pause in "0.5", "1", "2":
            [child] = await self.workersOf(twistd, 0)
            os.kill(child, signal.SIGKILL)
            await twistd.until(
                rf"Worker 0 .*\(signal 9\)\. It is started again in {pause} s"
            )

    async def workersOf(self, twistd: Twistd, slot: int) -> list[int]:
        """
        The processes of a slot, once there are any that serve.
        """
        found: list[int] = []

        def there() -> bool:
            found[:] = [
                pid
                for pid in children(twistd.transport.pid)
                if commandOf(pid).endswith(f"\0{slot}\0")
            ]
            return bool(found)

        await self.until(there)
        return found

    async def test_cannotStart(self) -> None:
        """
        Where a worker cannot start at first, all ends with status 1, and the reason is
        one line.
        """
        (self.here / "broken.py").write_text("import nowhere.to.be.found\n")
        twistd = self.start("--workers=2", LISTEN, "--service=x=broken.Service")
        self.assertEqual(await twistd.ended, 1)
        self.assertRegex(
            twistd.output,
            r"A worker cannot start: exit status 1: --service x=broken\.Service: "
            r"ModuleNotFoundError: No module named 'nowhere' \(.*broken\.py, line 1\)",
        )
        self.assertNotIn("Traceback", twistd.output)

    async def test_orphans(self) -> None:
        """
        The workers of a parent that is killed close their sessions in good order, and
        end. Nothing is left of them.
        """
        twistd = await self.begin()
        workers = children(twistd.transport.pid)
        self.assertEqual(len(workers), 2)
        session = await self.connect("echo")
        twistd.transport.signalProcess("KILL")
        await twistd.ended
        with self.assertRaises(SessionEnded) as ended:
            await session.recv()
        self.assertEqual(ended.exception.code, 1012)
        await self.until(lambda: not any(map(running, workers)))
        private = re.search(r"'(\S+)/parent'", twistd.output)[1]
        self.assertFalse(os.path.exists(private))


class StopTests(WorkersTestCase):
    """
    SIGTERM, and SIGINT of a terminal.
    """

    async def test_drain(self) -> None:
        """
        The sessions of all workers get the close frame, and the status is 0.
        """
        for number in signal.SIGTERM, signal.SIGINT:
            twistd = await self.begin()
            sessions = [await self.connect("echo") for _ in range(8)]
            os.kill(twistd.transport.pid, number)
            for session in sessions:
                with self.assertRaises(SessionEnded) as ended:
                    await session.recv()
                self.assertEqual(ended.exception.code, 1012)
            self.assertEqual(await twistd.ended, 0)

    async def test_twice(self) -> None:
        """
        A second signal drops what is left.
        """
        twistd = await self.begin("--option", "drain_timeout=30")
        # A session that polls, and does not come back.
        await treq.post(f"{self.url}/echo/0/a/xhr", persistent=False)
        twistd.terminate()
        await self.until(lambda: len(children(twistd.transport.pid)) == 1)
        twistd.terminate()
        self.assertEqual(await twistd.ended, 0)
        self.assertIn("Told to stop once more", twistd.output)

    async def test_one(self) -> None:
        """
        A worker that somebody else tells to stop ends when another one has taken its
        place.
        """
        twistd = await self.begin()
        before = set(await self.pids())
        one, other = before
        session = None
        while session is None:
            session = await self.connect("pid")
            if int((await session.recv()).split()[0]) != one:
                await session.close()
                session = None
        os.kill(one, signal.SIGTERM)
        with self.assertRaises(SessionEnded) as ended:
            await session.recv()
        self.assertEqual(ended.exception.code, 1012)
        after = set(await self.pids())
        self.assertEqual(len(after), 2)
        self.assertIn(other, after)
        self.assertNotIn("died", twistd.output)

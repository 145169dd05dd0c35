"""The connection classes of sockjs-tornado's examples, with it and without."""

from __future__ import annotations

import json
import sys
from typing import Any

import treq
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from benchmarks.errors import NotInstalled
from benchmarks.peers import PEERS
from tests.support.missing import missing
from tests.support.programs.processes import ROOT, URL, start
from tests.support.programs.sessions import Session, openSession

PROGRAM = str(ROOT / "tests" / "support" / "programs" / "connections.py")


async def tornadoPython() -> str:
    """The Python that has sockjs-tornado."""
    tornado = PEERS["tornado"]
    try:
        await deferToThread(tornado.install)
    except NotInstalled as problem:
        raise missing(problem) from None
    return tornado.command()[0]


class Examples:
    """What each of them does, whatever runs it."""

    timeout = 180

    async def command(self: Any) -> tuple[str, str]:
        raise NotImplementedError

    async def run_(self: Any, name: str) -> str:
        python, library = await self.command()
        program = await start(self, URL, python, PROGRAM, name, library)
        return program.ready[0].rstrip("/")

    async def assertHears(self: Any, session: Session, *messages: str) -> None:
        self.assertEqual(await session.receive(len(messages)), list(messages))

    async def test_chat(self: Any) -> None:
        """``chat``: those who are there hear of who comes, speaks and goes."""
        url = await self.run_("chat.py") + "/chat"
        first = await openSession(self, url)
        second = await openSession(self, url)
        await self.assertHears(first, "Someone joined.")
        second.send("hello")
        for each in first, second:
            await self.assertHears(each, "hello")
        await second.leave()
        await self.assertHears(first, "Someone left.")

    async def test_multiplex(self: Any) -> None:
        """``multiplex``: channels with sessions that the application has made."""
        url = await self.run_("multiplex.py") + "/echo"
        first = await openSession(self, url)
        second = await openSession(self, url)
        first.send("sub,ann")
        first.send("msg,ann,a,b")
        await self.assertHears(first, "msg,ann,Ann says hi!!", "msg,ann,Ann nods: a,b")
        for each in second, first:
            each.send("sub,bob")
            each.send("msg,bob,hi")
            await self.assertHears(each, "msg,bob,Bob repeats: hi")
        await self.assertHears(second, "msg,bob,Bob repeats: hi")
        first.send("sub,carl")
        await self.assertHears(first, "msg,carl,Carl says goodbye!", "uns,carl")
        first.send("uns,bob")
        await self.assertHears(second, "msg,bob,Bob is alone")
        first.send("sub,bob")
        first.send("msg,bob,again")
        await self.assertHears(first, "msg,bob,Bob repeats: again")
        await self.assertHears(second, "msg,bob,Bob repeats: again")
        await first.leave()
        await self.assertHears(second, "msg,bob,Bob is alone")

    async def test_stats(self: Any) -> None:
        """``stats``: one router tells each second what another does."""
        url = await self.run_("stats.py")
        first = await openSession(self, url + "/broadcast")
        second = await openSession(self, url + "/broadcast")
        first.send("hello")
        await self.assertHears(second, "hello")
        watching = await openSession(self, url + "/statsconn")
        [told] = await watching.receive()
        stats = json.loads(told)
        self.assertEqual(
            set(stats),
            {
                "sessions_active",
                "connections_active",
                "connections_ps",
                "packets_sent_ps",
                "packets_recv_ps",
                "transp_websocket",
            },
        )
        for name in "sessions_active", "connections_active", "transp_websocket":
            self.assertEqual(stats[name], 2, name)
        await second.leave()
        while stats["sessions_active"] == 2:
            stats = json.loads((await watching.receive())[0])
        self.assertEqual(stats["transp_websocket"], 1)

    async def test_bench(self: Any) -> None:
        """``bench``: what one says all hear; a transport is switched off."""
        url = await self.run_("bench.py") + "/echo"
        sessions = [await openSession(self, url) for _ in range(3)]
        sessions[1].send("hello")
        for each in sessions:
            await self.assertHears(each, "hello")
        response = await treq.get(url + "/000/s1/eventsource", persistent=False)
        self.assertEqual(response.code, 404)

    async def test_test(self: Any) -> None:
        """``test``: the services of the protocol's tests, with their settings."""
        url = await self.run_("test.py")
        for service, sent, heard in (
            ("echo", "Grüße", "Grüße"),
            ("amplify", "4", "x" * 16),
            ("broadcast", "all", "all"),
            ("cookie_needed_echo", "me", "me"),
        ):
            session = await openSession(self, f"{url}/{service}")
            session.send(sent)
            await self.assertHears(session, heard)
        ticker = await openSession(self, url + "/ticker")
        await self.assertHears(ticker, "tick!", "tick!")
        closing = await openSession(self, url + "/close")
        await closing.ended
        info = url + "/disabled_websocket_echo/info"
        response = await treq.get(info, persistent=False)
        self.assertIs((await response.json())["websocket"], False)


class TxsockjsTests(Examples, TestCase):
    """With their import line changed, and nothing else."""

    async def command(self) -> tuple[str, str]:
        return sys.executable, "txsockjs"


class TornadoTests(Examples, TestCase):
    """As they are, with sockjs-tornado."""

    async def command(self) -> tuple[str, str]:
        return await tornadoPython(), "tornado"

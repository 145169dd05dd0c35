"""The programs of ``README.rst`` end in good order, each in a process of its own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.support.documents import blocks
from tests.support.examples import Session, get, opened
from tests.support.programs.processes import ROOT, Program

LOOPBACK = str(ROOT / "tests" / "support" / "programs" / "loopback.py")
RESTARTED = 'c[1012,"Service Restart"]'


class ReadmeTests(TestCase):
    """
    SIGTERM, with nothing in the program that is for it.
    """

    timeout = 60

    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        (self.here / "myapp").mkdir(parents=True)
        (self.here / "public").mkdir()
        texts = {block.name: block.text for block in blocks("README.rst", "python")}
        self.shout, self.texts = texts["shout"], texts
        (self.here / "myapp" / "chat.py").write_text(texts["chat"])

    def start(self, *names: str) -> Program:
        """
        Start a program: what the blocks say, and then what runs the reactor.
        """
        *imports, run = self.shout.splitlines()
        self.assertRegex(run, r"^task\.react\(")
        body = [self.texts[name] for name in names]
        # It ends the process itself.
        end = f"try:\n    {run}\nfinally:\n    print('over')\n"
        text = "\n".join([*imports, *body, end])
        (self.here / "program.py").write_text(text)
        program = Program(r"8080 is at \d+")
        path = os.pathsep.join([str(ROOT), *sys.path])
        reactor.spawnProcess(
            program,
            sys.executable,
            [sys.executable, LOOPBACK, "program.py"],
            env={**os.environ, "PYTHONPATH": path},
            path=str(self.here),
        )
        self.addCleanup(program.stop)
        return program

    async def session(self, program: Program, port: int, path: str = "") -> Session:
        found = await program.until(rf"{port} is at (\d+)")
        return await opened(f"http://127.0.0.1:{found[1]}/{path}")

    async def assertEnds(self, program: Program, *sessions: Session) -> None:
        """
        Each session gets its close frame, and then the program ends with status 0.
        """
        program.transport.signalProcess("TERM")
        for session in sessions:
            self.assertEqual(await session.receive(), RESTARTED)
        await program.ended
        self.assertRegex(program.output, re.compile(r"^over$", re.M))
        self.assertEqual(program.status, 0)

    async def test_shout(self) -> None:
        """
        The first example as it stands: a Site of one service.
        """
        program = self.start()
        await self.assertEnds(program, await self.session(program, 8080))

    async def test_others(self) -> None:
        """
        A Site of several services, a Resource in a Site of twisted.web's, an endpoint
        string, and a protocol for text, all in one program.
        """
        program = self.start("several", "beside", "endpoint")
        places = {8081: ("chat", "debug/echo"), 8082: ("chat",), 8083: ("",)}
        sessions = [
            await self.session(program, port, path)
            for port, paths in places.items()
            for path in paths
        ]
        await self.assertEnds(program, *sessions)

    async def test_idle(self) -> None:
        """
        Without a session, a program has nothing to wait for.
        """
        program = self.start("text")
        found = await program.until(r"8084 is at (\d+)")
        # Before its reactor runs, nothing of it would hear of a signal.
        await get(f"http://127.0.0.1:{found[1]}/")
        await self.assertEnds(program)

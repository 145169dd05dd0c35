"""What ``docs/start.rst`` and ``docs/tutorial/`` tell people to do, in Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue

from tests.support.documents import blocks, commands
from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.processes import ROOT, Program, start, startExample
from tests.support.programs.proxies import untilListening
from tests.support.programs.redis import Redis
from tests.support.programs.sessions import openSession
from tests.support.programs.twistd import TWISTD, TwistdTestCase
from tests.support.programs.visiting import visit
from txsockjs.browser import CLIENT

EXAMPLES = ROOT / "examples"
TUTORIAL = EXAMPLES / "tutorial"

#: What the page says that is in its room.
IN = "You are in lobby"


def logIn(url: str, who: str, name: str, until: tuple[str, str]) -> list[Any]:
    """
    The steps of somebody who comes in.
    """
    return [
        (who, "open", f"{url}/"),
        (who, "until", "body", "Log in first"),
        (who, "type", "#login input", name),
        (who, "until", *until),
    ]


class StartTests(TwistdTestCase):
    """
    ``docs/start.rst``.
    """

    def setUp(self) -> None:
        super().setUp()
        shutil.copytree(EXAMPLES / "start", self.here, dirs_exist_ok=True)
        shutil.copy(CLIENT.path, self.here / "public")

    async def test_start(self) -> None:
        """
        The command's and the page's words come back in capitals, and the page says when
        the server stops.
        """
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        service = ("--service", "shout=shout.Shout", "--static", "public")
        twistd = self.start(*listen, *service)
        url = await twistd.url()
        told = f"SockJS services shout at {url}/"
        self.assertIn(told, twistd.output)
        line = f"echo hello | {TWISTD.with_name('txsockjs')} connect {url}/shout"
        await start(self, "^HELLO\n$", "/bin/sh", "-c", line)
        said = "#said li:last-child"
        [read] = await visit(
            ("ada", "open", f"{url}/"),
            ("ada", "until", said, "open, by websocket"),
            ("ada", "type", "#words", "hello"),
            ("ada", "until", said, "HELLO"),
            ("ada", "run", f"kill {twistd.transport.pid}"),
            ("ada", "until", said, "closed"),
            ("ada", "read", "#said li"),
        )
        shown = ["open, by websocket", "HELLO", "closed: 1012 Service Restart"]
        self.assertEqual(read, shown)
        for line in shown:
            self.assertIn(line, (ROOT / "docs" / "start.rst").read_text())


class ChapterTests(TwistdTestCase):
    """
    The first three chapters, with two people each.
    """

    timeout = 120

    async def guests(self) -> str:
        """
        Serve the first chapter.
        """
        shutil.copytree(TUTORIAL / "chapter1", self.here, dirs_exist_ok=True)
        shutil.copy(CLIENT.path, self.here / "public")
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        service = ("--service", "chat=chat.ChatFactory", "--static", "public")
        return await self.start(*listen, *service).url()

    async def server(self, chapter: int) -> str:
        """
        Serve the second or the third chapter.
        """
        name = f"tutorial/chapter{chapter}/server.py"
        url, _ = await startExample(self, name, "tcp:0:interface=127.0.0.1")
        return url

    async def test_chapters(self) -> None:
        """
        Two see what the chapters say that they see.
        """
        first = await self.guests()
        second, third = await self.server(2), await self.server(3)
        last = "#said li:last-child"

        steps: list[tuple[Any, ...]] = [
            ("a1", "open", f"{first}/"),
            ("a1", "until", last, "guest 1 comes"),
            ("b1", "open", f"{first}/"),
            ("a1", "until", last, "guest 2 comes"),
            ("a1", "type", "#words", "hello"),
            ("b1", "until", last, "guest 1: hello"),
            ("b1", "open", "about:blank"),
            ("a1", "until", last, "guest 2 goes"),
            ("a1", "read", "#said li"),
            *logIn(second, "a2", "Ada", (last, "Ada comes")),
            ("a2", "type", "#words", "hello"),
            ("a2", "until", last, "Ada: hello"),
            ("a2", "read", "#said li"),
            *logIn(third, "a3", "Ada", ("#state", IN)),
            ("a3", "type", "#words", "is anybody <b>here</b>?"),
            ("a3", "until", last, "here"),
            *logIn(third, "b3", "Bob", (last, "here")),
            ("b3", "type", "#words", "I am"),
            ("a3", "until", last, "Bob: I am"),
            ("a3", "until", "#present", "Ada, Bob"),
            ("a3", "read", "#present, #said li"),
            ("b3", "read", "#said li"),
            ("b3", "offline", True),
            ("a3", "type", "#words", "are you there?"),
            ("a3", "until", last, "are you there"),
            ("b3", "offline", False),
            ("b3", "until", last, "are you there"),
            ("b3", "read", "#said li"),
            ("b3", "open", f"{third}/#attic"),
            ("b3", "until", "#state", "no room 'attic'"),
            ("a3", "until", "#present", "Here: Ada$"),
        ]
        guest, ada, here, bob, back = await visit(*steps)
        self.assertEqual(guest, self.shown("1-echo", "guest 1 comes"))
        self.assertEqual(ada, self.shown("2-names", "Ada comes"))
        self.assertEqual(here, ["Here: Ada, Bob", *bob])
        self.assertEqual(bob, ["Ada: is anybody <b>here</b>?", "Bob: I am"])
        self.assertEqual(back, [*bob, "Ada: are you there?"])

    def shown(self, chapter: str, having: str) -> list[str]:
        """
        The numbered lines of the text that a chapter shows.
        """
        [text] = [
            block.text
            for block in blocks(f"docs/tutorial/{chapter}.rst", "text")
            if having in block.text
        ]
        return [line.partition(". ")[2] for line in text.splitlines()]


class ProductionTests(TwistdTestCase):
    """
    The fifth chapter: each of its commands, with HAProxy.
    """

    timeout = 120

    def setUp(self) -> None:
        need("haproxy", "openssl", "bash")
        super().setUp()
        shutil.copytree(TUTORIAL / "chapter5", self.here, dirs_exist_ok=True)
        self.ports = {port: freePort() for port in (8443, 8081, 8082, 9101)}
        for name in "haproxy.cfg", "web.py":
            path = self.here / name
            path.write_text(self.moved(path.read_text()))
        making, *self.running = (
            block.text for block in blocks("docs/tutorial/5-production.rst", "shell")
        )
        environment = {**os.environ, "PATH": f"{TWISTD.parent}:{os.environ['PATH']}"}
        self.environment = {**environment, "PYTHONPATH": str(ROOT)}
        subprocess.run(
            ["sh", "-ec", making],
            cwd=self.here,
            env=self.environment,
            capture_output=True,
            check=True,
        )

    def moved(self, text: str) -> str:
        """
        A text with ports that are free in place of those that it names.
        """
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        return text

    def type_(self, line: str) -> Program:
        """
        Type a line of the chapter.
        """
        program = Program("")
        command = ("bash", "-c", self.moved(line))
        reactor.spawnProcess(program, "bash", command, self.environment, str(self.here))
        self.addCleanup(program.stop)
        assert program.started is not None
        program.started.addErrback(lambda failure: None)
        return program

    async def test_production(self) -> None:
        """
        People talk through HAProxy, over TLS; the server is started anew with workers,
        and these with others, and the pages are back by themselves. The second time
        nothing is lost.
        """
        web, one, haproxy, two, again = self.running
        port = self.ports[8443]
        await self.type_(web).until("Pages at")
        chat = self.type_(one)
        await chat.until("Status page at")
        proxy = self.type_(haproxy)
        await untilListening(proxy, port)
        await self.connects()
        status = f"http://127.0.0.1:{self.ports[9101]}/"
        last = "#said li:last-child"
        visiting = Deferred.fromCoroutine(
            visit(
                *logIn(f"https://localhost:{port}", "ada", "Ada", ("#state", IN)),
                *logIn(f"https://localhost:{port}", "bob", "Bob", ("#state", IN)),
                ("ada", "until", "#present", "Ada, Bob"),
                ("eve", "open", status),
                ("eve", "until", "body", "127.0.0.1"),
                ("ada", "run", f"kill {chat.pid}"),
                ("ada", "until", "#state", "lost"),
                ("ada", "until", "#state", IN),
                ("bob", "until", "#state", IN),
                ("ada", "type", "#words", "hello"),
                ("bob", "until", last, "Ada: hello"),
                ("ada", "run", f"cd {self.here}; {again}"),
                ("ada", "until", "#state", "lost"),
                ("ada", "until", "#state", IN),
                ("ada", "type", "#words", "are you there?"),
                ("bob", "until", last, "Ada: are you there"),
                ("bob", "read", "#said li"),
            )
        )
        await chat.ended
        workers = self.type_(two)
        [ready] = [
            block.text.strip()
            for block in blocks("docs/tutorial/5-production.rst", "text")
            if "workers" in block.text
        ]
        await workers.until(re.escape(ready))
        [said] = await visiting
        lost = "* Some messages are lost."
        self.assertEqual(said, [lost, "Ada: hello", "Ada: are you there?"])
        self.assertIn("The new workers have taken over", workers.output)

    async def connects(self) -> None:
        """
        The command line that the chapter shows says what it shows.
        """
        [console] = blocks("docs/tutorial/5-production.rst", "console")
        line, shown = self.moved(console.text).removeprefix("$ ").splitlines()
        said = b""
        # HAProxy has to see that the server is up, first.
        while said.decode().strip() != shown:
            _, said, _ = await getProcessOutputAndValue(
                *("bash", ("-c", line), self.environment, str(self.here), reactor)
            )


class SharedTests(TwistdTestCase):
    """
    What ``docs/shared.rst`` has for a Redis.
    """

    async def test_shared(self) -> None:
        """
        Two programs are one chat, and a third one says something in it.
        """
        redis = Redis(self)
        await redis.start()
        said = []
        for line in commands("docs/shared.rst", "python"):
            program, listen, _ = line
            listen = re.sub(r"\d+", "0", listen, count=1)
            name = Path(program).name
            url, _ = await startExample(self, name, listen, redis.url)
            session = await openSession(self, url)
            session.send(f"guest of {Path(url).name}")
            said.append(session)
        said[0].send("hello")
        while not (await said[1].receive())[0].endswith(": hello"):
            pass
        [asking, saying] = (block.text for block in blocks("docs/shared.rst", "python"))
        (self.here / "saying.py").write_text(asking + saying)
        script = str(self.here / "saying.py")
        text = "from outside"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        arguments = (script, redis.url, text)
        told = await getProcessOutputAndValue(
            *(sys.executable, arguments, environment, None, reactor)
        )
        self.assertEqual(told, (b"", b"", 0))
        for session in said:
            while (await session.receive()) != [text]:
                pass

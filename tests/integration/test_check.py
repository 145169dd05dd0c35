"""The command ``txsockjs check``: in a process of its own, and of npm's server."""

from __future__ import annotations

import os
import re
import sys
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path

from docutils import nodes
from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.conformance.server import listen
from tests.support.documents import ROOT, literals, read, rows
from tests.support.programs.node import need
from tests.support.programs.processes import URL, start
from txsockjs.conformance import check
from txsockjs.conformance.running import allChecks

DOCUMENT = "docs/conformance.rst"


def unvarying(report: str) -> str:
    """
    A report without what differs from run to run.
    """
    report = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8080", report)
    return re.sub(r"in [\d.]+ s:", "in 0.1 s:", report)


class CommandTests(TestCase):
    """
    The command, with a server in this process.
    """

    timeout = 60

    async def setUp(self) -> None:
        self.url, stop = await listen({})
        self.addCleanup(stop)

    async def run_(self, *arguments: str) -> tuple[str, str, int]:
        """
        What ``txsockjs check`` writes on its two outputs, and its exit status.
        """
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        out, err, status = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "txsockjs", "check", *arguments],
            env={**os.environ, "PYTHONPATH": path},
            reactor=reactor,
        )
        return out.decode(), err.decode(), status

    async def test_passes(self) -> None:
        """
        The status is 0 where nothing fails, standard error is empty, and the file for
        the CI is there.
        """
        path = Path(self.mktemp()).absolute()
        arguments = ("--only", "xhr.polling", "--junit", str(path))
        out, err, status = await self.run_(self.url, *arguments)
        self.assertEqual((err, status), ("", 0))
        self.assertRegex(out, r"4 checks in [\d.]+ s: 4 ok, 0 FAILED, 0 skipped\n\Z")
        self.assertIn(
            '<testcase classname="xhr.polling" name="bytes"', path.read_text()
        )

    async def test_document(self) -> None:
        """
        The document shows what the command writes.
        """
        shown = next(
            block.astext()
            for block in read(DOCUMENT).findall(nodes.literal_block)
            if block.astext().startswith("$ txsockjs check ")
        )
        command, _, report = shown.partition("\n")
        arguments = command.split()[4:]
        out, _, status = await self.run_(f"{self.url}echo", *arguments)
        self.assertEqual(status, 0)
        self.assertEqual(unvarying(out), unvarying(report) + "\n")

    async def test_failure(self) -> None:
        """
        The status is 1 where a check fails.
        """
        arguments = ("--only", "sessions.streamingLimit.reached_eventsource")
        more = ("--streaming-limit", "4095", "--timeout", "0.5")
        out, err, status = await self.run_(f"{self.url}echo", *arguments, *more)
        self.assertEqual((err, status), ("", 1))
        self.assertIn("FAILED   reached_eventsource: ", out)

    async def test_errors(self) -> None:
        """
        What cannot be done is one line: with status 1 where nothing is there, and 2
        where the command is wrong.
        """
        for arguments, said, expected in (
            ([f"{self.url}nothing"], "no SockJS service at", 1),
            (["http://127.0.0.1:1/"], "nothing answers at http://127.0.0.1:1/", 1),
            ([self.url, "--junit", "/no/such/file"], "No such file", 1),
            ([self.url, "--only", "nonsense"], "no check is named 'nonsense'", 2),
            (["nonsense"], "'nonsense' is no URL", 2),
            ([self.url, "--close", "http://127.0.0.1:1/"], "are of one server", 2),
            ([self.url, "--timeout", "0"], "not a number of seconds above 0", 2),
            ([], "required: URL", 2),
        ):
            out, err, status = await self.run_(*arguments)
            self.assertEqual((out, status), ("", expected), err)
            self.assertIn(said, err)
            self.assertRegex(err, r"\Atxsockjs check: [^\n]+\n\Z")

    async def test_stopped(self) -> None:
        """
        A signal ends a run at once, and that is told.
        """
        command = (sys.executable, "-m", "txsockjs", "check", f"{self.url}echo")
        program = await start(self, "websockets.handshake", *command)
        await program.stop()
        self.assertIn("txsockjs check: stopped before the end\n", program.output)
        self.assertNotIn("checks in", program.output)


class ReferenceTests(TestCase):
    """
    The suite of a server that it was not written for.
    """

    timeout = 150

    async def test_deviations(self) -> None:
        """
        npm's server fails exactly those checks that the document names, and skips none.
        """
        need("node", packages=("sockjs",))
        script = ROOT / "tests" / "conformance" / "reference_server.js"
        program = await start(self, URL, "node", str(script))
        out = StringIO()
        self.assertEqual(await check(program.ready[0], out=out, reactor=reactor), 1)
        failed = re.findall(r"(?m)^FAILED (\S+)", out.getvalue())
        patterns = [
            name for row in rows(DOCUMENT, "Section") for name in literals(row[3])
        ]
        for pattern in patterns:
            self.assertTrue(
                any(fnmatchcase(name, pattern) for name in failed),
                f"{pattern}: nothing fails",
            )
        unnamed = [
            name
            for name in failed
            if not any(fnmatchcase(name, pattern) for pattern in patterns)
        ]
        self.assertEqual(unnamed, [])
        count = len(list(allChecks()))
        self.assertIn(
            f"{count - len(failed)} ok, {len(failed)} FAILED, 0 skipped", out.getvalue()
        )
        text = " ".join(read(DOCUMENT).astext().split())
        self.assertIn(f"{count - len(failed)} of the {count} checks pass", text)

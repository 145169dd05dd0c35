"""What ``docs/command.rst`` shows is what the command prints, but for its numbers."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator

from docutils import nodes
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import blocks, literals, read, rows
from tests.support.programs.command import CommandTestCase, TalkingFactory
from txsockjs.command.endings import exitStatus
from txsockjs.command.main import SUBCOMMANDS
from txsockjs.errors import SessionClosed

DOCUMENT = "docs/command.rst"
BASE = "http://127.0.0.1:8080/"


def shape(text: str) -> list[str]:
    """
    The lines of a text without what differs each time: numbers, the width of columns,
    and how often a line is repeated.
    """
    found: list[str] = []
    for line in text.splitlines():
        plain = " ".join(re.sub(r"\d[\d,.:TZ-]*", "N", line).split())
        if found[-1:] != [plain]:
            found.append(plain)
    return found


class SampleTests(CommandTestCase):
    """
    Each sample.
    """

    async def assertSample(self, index: int) -> None:
        """
        A block shows a command and all that it prints.
        """
        sample = blocks(DOCUMENT, "console")[index].text
        first, _, expected = sample.partition("\n")
        close = TalkingFactory(close=(3000, "Go away!"))
        services = {"echo": Factory.forProtocol(Echo), "close": close}
        for name, factory in services.items():
            url = self.serve(factory)
            first = first.replace(BASE + name, url)
        module = f"{sys.executable} -m txsockjs "
        line = re.sub(r"\btxsockjs (?=[a-z]+ )", module, first.removeprefix("$ "))
        status, output, errors = await self.run_(
            *("-c", f"{line} 2>&1"), program=("sh",)
        )
        self.assertEqual((status, errors), (0, ""), output)
        self.assertEqual(shape(output), shape(expected))

    def test_all(self) -> None:
        """
        There is a test for each.
        """
        self.assertEqual(len(blocks(DOCUMENT, "console")), 5)

    async def test_connect(self) -> None:
        """
        Lines in, messages out.
        """
        await self.assertSample(0)

    async def test_json(self) -> None:
        """
        The same as JSON.
        """
        await self.assertSample(1)

    async def test_closed(self) -> None:
        """
        A service that closes.
        """
        await self.assertSample(2)

    async def test_ping(self) -> None:
        """
        Round trips.
        """
        await self.assertSample(3)

    async def test_load(self) -> None:
        """
        A load.
        """
        await self.assertSample(4)


class DocumentTests(SynchronousTestCase):
    """
    The rest of the document.
    """

    def test_commands(self) -> None:
        """
        The table has all commands.
        """
        found = [literals(row[0])[0].split()[1] for row in rows(DOCUMENT, "Command")]
        self.assertEqual(found, [command.name for command in SUBCOMMANDS])

    def test_status(self) -> None:
        """
        The table of exit statuses has them for the close codes that it names.
        """
        named = 0
        for row in rows(DOCUMENT, "Exit status"):
            for code in literals(row[1]):
                status = exitStatus(Failure(SessionClosed(int(code))))
                self.assertEqual(str(status), row[0].astext(), code)
                named += 1
        self.assertEqual(named, 8)

    def options(self) -> Iterator[tuple[str, argparse.Action]]:
        for command in SUBCOMMANDS:
            if command.name != "check":
                parser = argparse.ArgumentParser(add_help=False)
                command.addArguments(parser)
                for action in parser._actions:
                    for option in action.option_strings:
                        yield option, action

    def test_options(self) -> None:
        """
        Each option is described, and none that there is not.
        """
        terms = {
            literal.split()[0]
            for node in read(DOCUMENT).findall(nodes.literal)
            if (literal := node.astext()).startswith("--")
        }
        self.assertEqual(terms, {option for option, _ in self.options()} | {"--help"})

    def test_defaults(self) -> None:
        """
        A default that is named behind an option is the option's.
        """
        text = " ".join(read(DOCUMENT).astext().split())
        named = set(re.findall(r"(--[a-z-]+)(?: [A-Z]+)? \(([\d.]+)\)", text))
        actions = dict(self.options())
        self.assertGreater(len(named), 8)
        for option, default in named:
            if option != "--wait":
                self.assertEqual(float(default), float(actions[option].default), option)

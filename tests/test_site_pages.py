"""The pages of the site say what is so."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT, literals, read, rows
from tests.test_architecture import Module, packageModules
from txsockjs import metrics
from txsockjs.core import frames, service

ARROW = re.compile(r"(\w+) -> (\w+)( \[dir=both\])?;")
NODE = re.compile(r'(\w+) \[label="([^"]*)"\];')
CITED = re.compile(r"PROTOCOL (?:sections? )?(\d(?:\.\d)?(?: and \d)?)")


def sources() -> Iterator[tuple[Path, str]]:
    """
    The files of the package.
    """
    for path in sorted((ROOT / "txsockjs").rglob("*.py")):
        yield path, path.read_text("utf-8")


class ProtocolTests(SynchronousTestCase):
    """
    ``docs/protocol.rst``.
    """

    def test_sections(self) -> None:
        """
        Each section that the code cites is there.
        """
        text = (ROOT / "docs" / "protocol.rst").read_text("utf-8")
        there = set(re.findall(r"(?m)^(\d)\. ", text))
        there |= set(re.findall(r"(?m)^(\d\.\d)$", text))
        cited = {
            section
            for _, source in sources()
            for found in CITED.findall(source)
            for section in found.split(" and ")
        }
        self.assertGreater(len(cited), 8)
        self.assertEqual(cited - there, set())


class CodeTests(SynchronousTestCase):
    """
    ``docs/codes.rst``.
    """

    def test_codes(self) -> None:
        """
        It has each code that is counted by itself, and each close frame that the server
        sends of its own accord.
        """
        text = read("docs/codes.rst").astext()
        for code in metrics._CODES:
            self.assertRegex(text, rf"(?m)^\s*{code}\b|, {code}$")
        closes = [
            value
            for module in (frames, service)
            for value in vars(module).values()
            if isinstance(value, frames.Close)
        ]
        self.assertGreater(len(closes), 4)
        told = {
            (row[0].astext(), reason)
            for row in rows("docs/codes.rst", "Code")
            for reason in literals(row[1])
        }
        self.assertEqual(
            {(str(close.code), close.reason) for close in closes} - told, set()
        )


class DrawingTests(SynchronousTestCase):
    """
    The first drawing of ``docs/architecture.rst``.
    """

    def setUp(self) -> None:
        text = (ROOT / "docs" / "architecture.rst").read_text("utf-8")
        drawing = text[text.index(".. drawing::") : text.index("The rooms\n---")]
        self.modules = packageModules()
        self.boxes = {
            name: set(self.within(name, label)) for name, label in NODE.findall(drawing)
        }
        self.arrows = set(ARROW.findall(drawing))

    def within(self, name: str, label: str) -> Iterator[str]:
        """
        The modules that a box stands for: those that its label names, and a package's.
        """
        for each in {name, *re.findall(r"\w+", label.partition("\\nwhat ")[0])}:
            package = f"txsockjs.{each}"
            for module in self.modules:
                if module == package or module.startswith(f"{package}."):
                    yield module

    def imports(self, one: str, other: str) -> bool:
        """
        Whether something in a box imports something that is in another one.
        """
        wanted = self.boxes[other]
        return any(
            imported in wanted or imported.rpartition(".")[0] in wanted
            for name in self.boxes[one]
            for imported in self.module(name).imported()
        )

    def module(self, name: str) -> Module:
        """
        A module by its name.
        """
        found: Module = self.modules[name]
        return found

    def test_arrows(self) -> None:
        """
        Where there is an arrow, something is imported; and nothing the other way,
        unless the arrow points both ways.
        """
        self.assertGreater(len(self.arrows), 15)
        wrong = [
            (one, other)
            for one, other, both in self.arrows
            if not self.imports(one, other) or self.imports(other, one) != bool(both)
        ]
        self.assertEqual(wrong, [])


class AddressTests(SynchronousTestCase):
    """
    What ``[project.urls]`` leads to.
    """

    def setUp(self) -> None:
        extensions = str(ROOT / "docs" / "_ext")
        sys.path.insert(0, extensions)
        self.addCleanup(sys.path.remove, extensions)
        import addresses

        self.settings: Any = addresses.settings

    def test_none(self) -> None:
        """
        Without addresses, no page has one that leads nowhere.
        """
        self.assertEqual(
            self.settings({}), {"ogp_site_url": "", "html_theme_options": {}}
        )

    def test_some(self) -> None:
        """
        With them, pages lead to their source, and cards have a whole URL.
        """
        urls = {
            "Source": "https://code.example/x",
            "Documentation": "https://x.example",
        }
        found = self.settings(urls)
        theme = found["html_theme_options"]
        self.assertEqual(theme["source_repository"], "https://code.example/x/")
        self.assertEqual(theme["source_directory"], "docs/")
        self.assertEqual(found["html_baseurl"], "https://x.example/")
        card = found["ogp_image"].removeprefix("https://x.example/")
        self.assertTrue((ROOT / "docs" / card).is_file())

    def test_card(self) -> None:
        """
        The card has the size that is shown whole, and is soon there.
        """
        data = (ROOT / "docs" / "_static" / "card.png").read_bytes()
        self.assertEqual(struct.unpack(">II", data[16:24]), (1200, 630))
        self.assertLess(len(data), 100_000)

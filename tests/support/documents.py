"""Reads the project's documents, so that tests can run what they show."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import ClassVar

import attrs
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

ROOT = Path(__file__).parents[2]


class _AnyOption(dict[str, type[str]]):
    """Options of any name."""

    def __missing__(self, name: str) -> type[str]:
        return str


class _SphinxDirective(Directive):
    """A directive that Sphinx knows and docutils does not: nothing for these tests."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = _AnyOption(maxdepth=str)

    def run(self) -> list[nodes.Node]:
        return []


class _LiteralInclude(Directive):
    """A file that Sphinx shows, as a block of code; all of it, if it shows a part."""

    required_arguments = 1
    option_spec: ClassVar = dict.fromkeys(
        ("language", "caption", "pyobject", "lines", "start-at", "end-at"),
        directives.unchanged,
    )

    def run(self) -> list[nodes.Node]:
        here = Path(self.state.document["source"]).parent
        text = (here / self.arguments[0]).read_text("utf-8").rstrip("\n")
        classes = ["code", self.options["language"]]
        return [nodes.literal_block(text, text, classes=classes)]


def _reference(
    name: str, rawtext: str, text: str, *rest: object
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    return [nodes.literal(rawtext, text)], []


for name in ("drawing", "dropdown", "grid", "grid-item-card", "toctree"):
    directives.register_directive(name, _SphinxDirective)
directives.register_directive("literalinclude", _LiteralInclude)
for name in ("doc", "ref"):
    roles.register_local_role(name, _reference)


@attrs.frozen
class Block:
    """
    A block of code.

    :ivar name: its ``:name:``, or an empty string.
    :ivar language: what it is written in, or an empty string.
    """

    name: str
    language: str
    text: str


def read(path: str) -> nodes.document:
    """
    A document, which has to be without a flaw.

    :param path: where it is, from the root of the project.
    """
    return publish_doctree(
        (ROOT / path).read_text("utf-8"),
        source_path=str(ROOT / path),
        settings_overrides={
            "halt_level": 2,
            "report_level": 2,
            "syntax_highlight": "none",
        },
    )


def blocks(path: str, language: str) -> list[Block]:
    """
    The blocks of code in one language, in their order.
    """
    return [
        Block(
            name=(found["names"] or [""])[0],
            language=language,
            text=found.astext() + "\n",
        )
        for found in read(path).findall(nodes.literal_block)
        if language in found["classes"]
    ]


def commands(path: str, program: str) -> list[list[str]]:
    """
    The command lines of one program in the document's ``shell`` blocks, as arguments.
    """
    lines = "".join(block.text for block in blocks(path, "shell"))
    found = [
        shlex.split(line, comments=True)
        for line in lines.replace("\\\n", " ").splitlines()
    ]
    return [words[1:] for words in found if words and words[0] == program]


def rows(path: str, heading: str) -> list[list[nodes.entry]]:
    """
    The rows of the table whose first cell is ``heading``, without the headings.

    :raise LookupError: if there is no such table.
    """
    for table in read(path).findall(nodes.table):
        first, *rest = [
            list(row.findall(nodes.entry)) for row in table.findall(nodes.row)
        ]
        if first[0].astext() == heading:
            return rest
    raise LookupError(f"{path} has no table of {heading}")


def literals(node: nodes.Node) -> list[str]:
    """
    What is in double backquotes under a node.
    """
    return [literal.astext() for literal in node.findall(nodes.literal)]

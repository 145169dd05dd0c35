"""Drawings, made from text at each build.

``.. drawing:: What it shows`` has Graphviz's language for its content. With
``:states:`` it has none: the drawing is of a table in the code, such as
``txsockjs.core.states.STATES``. A drawing is part of its page, so that it has the
page's colours, in the light and in the dark.
"""

from __future__ import annotations

import re
import subprocess
from html import escape
from importlib import import_module
from typing import Any, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: What holds for each drawing. Colours are those of ``site.css``.
STYLE: Final = """
    bgcolor=transparent; rankdir=TB; nodesep=0.3; ranksep=0.35; margin=0;
    fontname="Helvetica,Arial,sans-serif"; fontsize=13;
    node [shape=box, style="rounded,filled", fontname="Helvetica,Arial,sans-serif",
        fontsize=13, margin="0.16,0.07", height=0.3];
    edge [fontname="Helvetica,Arial,sans-serif", fontsize=11, arrowsize=0.7];
"""

POINTS: Final = re.compile(r'(width|height)="([\d.]+)pt"')


def statesOf(name: str) -> str:
    """
    A table of states, by events or without them, in Graphviz's language.

    :param name: where it is, as in ``txsockjs.core.states.STATES``.
    """
    module, _, attribute = name.rpartition(".")
    table = getattr(import_module(module), attribute)
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, following in table.items():
        if isinstance(following, dict):
            for event, after in following.items():
                arrows.setdefault((state.name, after.name), []).append(event.name)
        else:
            arrows |= {(state.name, after.name): [] for after in following}
    lines = []
    for (before, after), events in arrows.items():
        label = "\\n".join(f" {event} " for event in events)
        lines.append(f'{before} -> {after} [label="{label}"];')
    return "\n".join(lines)


def draw(text: str) -> str:
    """
    A drawing as SVG, to stand in a page.

    :param text: the inside of a ``digraph``.
    :raise ExtensionError: if Graphviz is not here, or finds a fault.
    """
    done = subprocess.run(
        ["dot", "-Tsvg"],
        input=f"digraph {{ {STYLE} {text} }}",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or done.stderr:
        raise ValueError(f"Graphviz cannot draw this: {done.stderr}\n{text}")
    # A point of the text is a pixel of the page.
    svg = done.stdout[done.stdout.index("<svg") :]
    return POINTS.sub(r'\1="\2px"', svg, count=2)


class Drawing(SphinxDirective):
    """
    The directive ``drawing``.
    """

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"states": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        if "states" in self.options:
            text = statesOf(self.options["states"])
        else:
            text = "\n".join(self.content)
        label = escape(self.arguments[0])
        try:
            picture = draw(text)
        except (OSError, ValueError) as error:
            raise self.error(str(error)) from error
        html = f'<div class="drawing" role="img" aria-label="{label}">{picture}</div>'
        figure = nodes.figure()
        figure += nodes.raw("", html, format="html")
        figure += nodes.caption("", "", *self.parse_inline(self.arguments[0])[0])
        return [figure]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("drawing", Drawing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

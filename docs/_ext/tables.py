"""Tables on a phone: each row as a block, with the heading of each cell before it.

Where a window is wide enough, ``site.css`` hides these headings.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

#: Columns of the largest table that is shown in this way. A larger one is one of
#: figures, and scrolls by itself.
COLUMNS: Final = 4


class CellHeadings(SphinxPostTransform):
    """
    Puts them there.
    """

    default_priority: ClassVar[int] = 800
    formats: ClassVar[tuple[str, ...]] = ("html",)

    def run(self, **kwargs: Any) -> None:
        for table in self.document.findall(nodes.table):
            [group] = table.findall(nodes.tgroup)
            heads = [
                cell.astext()
                for head in group.findall(nodes.thead)
                for cell in head.findall(nodes.entry)
            ]
            if not heads or len(heads) > COLUMNS:
                continue
            table["classes"].append("stacks")
            [body] = group.findall(nodes.tbody)
            for row in body.findall(nodes.row):
                for head, cell in zip(heads[1:], row[1:], strict=False):
                    label = nodes.paragraph("", head, classes=["cell-heading"])
                    if cell.astext().strip():
                        cell.insert(0, label)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(CellHeadings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Links to files of the project, as they are on its site.

``README.rst`` is the front page, and stands at the root of the project for those who
read it there: it links to ``docs/options.rst`` and to ``LICENSE``. On the site the
first is a page, and so are some of the others; the rest can be downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parent.parent.parent

#: Files and directories that are pages under another name.
PAGES = {
    "CONTRIBUTING.rst": "contributing",
    "NEWS.rst": "news",
    "README.rst": "index",
    "SECURITY.rst": "security",
    "examples": "examples",
}


def pageOf(target: str) -> str | None:
    """
    The document that a link of the project's leads to, or None if it is no page.
    """
    if target in PAGES:
        return PAGES[target]
    path = Path(target)
    if path.parts[:1] == ("docs",) and path.suffix == ".rst":
        return path.relative_to("docs").with_suffix("").as_posix()
    if path.parts == (path.name,) and path.suffix == ".rst":
        # From one page to another, as they link where they are files.
        return path.stem
    return None


class ProjectLinks(SphinxTransform):
    """
    Makes links to the project's files links to pages, or downloads.
    """

    default_priority: ClassVar[int] = 5

    def apply(self, **kwargs: Any) -> None:
        for reference in list(self.document.findall(nodes.reference)):
            uri = reference.get("refuri", "")
            target, _, anchor = uri.partition("#")
            if not target or ":" in target:
                continue
            page = pageOf(target)
            if page is not None and page not in self.env.found_docs:
                raise ValueError(f"{self.env.docname} links to {uri}: no page")
            if page is not None and anchor:
                reference["refuri"] = f"{page}.html#{anchor}"
                continue
            if page is not None:
                link: nodes.Element = addnodes.pending_xref(
                    "",
                    refdomain="std",
                    reftype="doc",
                    refexplicit=True,
                    reftarget=f"/{page}",
                    refdoc=self.env.docname,
                    refwarn=True,
                )
                link += nodes.inline("", reference.astext(), classes=["doc"])
            elif (ROOT / target).is_file():
                link = addnodes.download_reference(
                    "", reftarget=f"/../{target}", refdoc=self.env.docname
                )
                link += nodes.inline("", reference.astext())
            else:
                raise ValueError(f"{self.env.docname} links to {uri}: no file")
            reference.replace_self(link)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_transform(ProjectLinks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

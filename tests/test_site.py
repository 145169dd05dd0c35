"""The site: its pages are built without a warning, and lack no public name."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.util.inventory import InventoryFile
from twisted.trial.unittest import SynchronousTestCase

from tests.support.site import build

#: Modules all of whose names are public.
PUBLIC = [
    "txsockjs",
    "txsockjs.bridge",
    "txsockjs.client",
    "txsockjs.conformance",
    "txsockjs.connection",
    "txsockjs.factory",
    "txsockjs.health",
    "txsockjs.multiplex",
    "txsockjs.rooms",
    "txsockjs.sessions",
    "txsockjs.status",
    "txsockjs.testing",
]


class Page(HTMLParser):
    """
    What a page links to, and what can be linked to in it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.anchors.add(str(values["id"]))
        for name in ("href", "src"):
            if values.get(name):
                self.targets.append(str(values[name]))


class SiteTests(SynchronousTestCase):
    """
    The pages as they are built.
    """

    def test_links(self) -> None:
        """
        What a page links to within the site is there, to the place in the page.
        """
        pages = {path: Page(path) for path in build().rglob("*.html")}
        self.assertGreater(len(pages), 40)
        broken = []
        for path, page in pages.items():
            for target in page.targets:
                parts = urlsplit(target)
                if parts.scheme or parts.netloc:
                    continue
                found = (path.parent / unquote(parts.path)).resolve()
                if not parts.path:
                    found = path
                elif found.is_dir():
                    found /= "index.html"
                anchor = unquote(parts.fragment)
                there = found.is_file() and (
                    not anchor or found not in pages or anchor in pages[found].anchors
                )
                if not there:
                    broken.append((path.name, target))
        self.assertEqual(broken, [])

    def test_reference(self) -> None:
        """
        Each public class, interface and function is in the reference.
        """
        with (build() / "objects.inv").open("rb") as file:
            inventory = InventoryFile.load(file, "", lambda base, path: path)
        listed = {
            name.rpartition(".")[2]
            for kind, names in inventory.items()
            if kind.startswith("py:")
            for name in names
        }
        missing = [
            f"{module}.{name}"
            for module in PUBLIC
            for name in import_module(module).__all__
            # Of constants a module's own text tells.
            if name not in listed and callable(getattr(import_module(module), name))
        ]
        self.assertEqual(missing, [])

    def test_front(self) -> None:
        """
        The front page is README.rst, whose links to documents lead to pages.
        """
        page = Page(build() / "index.html")
        self.assertIn("options.html", page.targets)
        self.assertEqual([each for each in page.targets if each.endswith(".rst")], [])

"""The page of the demo, and what it is made of: `pages`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

from twisted.python.filepath import FilePath
from twisted.web.resource import Resource

from txsockjs.browser import CLIENT
from txsockjs.files import STRICT, PageFile
from txsockjs.rooms.script import roomsScript

#: Where the client's script is, for the page and for the iframe pages of the services.
CLIENT_PATH: Final = "/sockjs.min.js"

_PAGES: Final = FilePath(__file__).sibling("pages")

#: The services whose source is shown.
_SOURCES: Final = ("echo", "broadcast", "ticker", "close")

#: Some transports of the client have a form sent to the service, or show it in a frame
#: that nobody sees.
_POLICY: Final = STRICT.replace("form-action 'none'", "form-action 'self'") + (
    "; frame-src 'self'"
)

_NO_DOCUMENTS: Final = "in <code>docs/</code> of the source distribution"


def documentation(project: str = "txsockjs") -> str | None:
    """
    Where the documents of a project are: its URL of the name ``Documentation``, which
    ``pyproject.toml`` has, if it has any.
    """
    try:
        urls = metadata(project).get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    return _labelled("documentation", urls)


def _labelled(wanted: str, urls: Iterable[str]) -> str | None:
    """
    The URL of a label, which is before a comma. (Core metadata, Project-URL)
    """
    for each in urls:
        label, _, url = each.partition(",")
        if label.strip().lower() == wanted:
            return url.strip()
    return None


def pages(client: FilePath[str] = CLIENT, documents: str | None = None) -> Resource:
    """
    The page and its files, to be served at ``/``.

    :param client: the script of sockjs-client, served at `CLIENT_PATH`.
    :param documents: the URL of the documents that the page leads to, if it is known.
    """
    root = Resource()
    for path in _PAGES.children():
        name, content = path.basename(), path.getContent()
        if name == "index.html":
            content = content.replace(b"DOCUMENTS", _documentsLink(documents))
            root.putChild(b"", PageFile(name, content, _POLICY))
        else:
            root.putChild(name.encode("ascii"), PageFile(name, content))
    root.putChild(b"rooms.js", roomsScript())
    script = PageFile("sockjs.min.js", client.getContent())
    root.putChild(CLIENT_PATH[1:].encode("ascii"), script)
    root.putChild(b"source", _sources())
    return root


def _documentsLink(url: str | None) -> bytes:
    if url is None:
        return _NO_DOCUMENTS.encode("ascii")
    address = escape(url)
    return f'<a href="{address}" rel="noreferrer">{address}</a>'.encode()


def _sources() -> Resource:
    """
    The source of the services, as it is read beside their consoles. An installation
    without it has none to show.
    """
    sources = Resource()
    for name in _SOURCES:
        path = FilePath(__file__).sibling(f"{name}.py")
        if path.isfile():
            file = PageFile(path.basename(), path.getContent())
            sources.putChild(path.basename().encode("ascii"), file)
    return sources

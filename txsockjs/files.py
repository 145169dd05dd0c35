"""What is served beside the services: `Beside`, `PageFile`, `PublicFile`."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import Any, Final

from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request
from twisted.web.static import File

from txsockjs._checkers import IsResource

# RFC 9110, 14.1.2, of which one range is taken.
_RANGE: Final = re.compile(rb"bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))")

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".py": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: Nothing comes from elsewhere, and no other site can show the page in a frame, to have
#: somebody press its buttons.
STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageFile(Resource):
    """
    A file of a page of ours, which is read once.
    """

    def __init__(self, name: str, content: bytes, policy: str = STRICT) -> None:
        """
        :param name: what it is called, which says of what kind it is.
        :param policy: its ``Content-Security-Policy``.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._type = _TYPES[os.path.splitext(name)[1]]
        self._content = content
        self._policy = policy
        self._tag = f'"{sha256(content).hexdigest()[:32]}"'.encode("ascii")

    def render_GET(self, request: Request) -> bytes:
        """
        The file. HEAD has its headers.
        """
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        request.setHeader("Content-Security-Policy", self._policy)
        if request.setETag(self._tag) is http.CACHED:
            return b""
        request.setHeader("Content-Type", self._type)
        request.setHeader("Content-Length", str(len(self._content)))
        return b"" if request.method == b"HEAD" else self._content

    render_HEAD = render_GET


class PublicFile(File, IsResource):  # type: ignore[misc]
    """
    A file, or a directory of them, for everybody to read: Twisted's own, without lists
    of what is in a directory, without names that begin with a dot, without programs.
    """

    indexNames: list[str] = ["index.html"]
    processors: dict[str, Any] = {}

    def directoryListing(self) -> IResource:
        return self.childNotFound

    def getChild(self, path: bytes, request: Request) -> IResource:
        try:
            name = path.decode("utf-8")
        except UnicodeDecodeError:
            return self.childNotFound
        # One segment can hold several names once it is decoded: "a/../.git".
        if name.startswith(".") or not {"/", os.sep, "\0"}.isdisjoint(name):
            return self.childNotFound
        child: IResource = File.getChild(self, path, request)
        if isinstance(child, File) and not (child.isfile() or child.isdir()):
            # To open a FIFO would wait for its other end.
            return self.childNotFound
        return child

    def render_GET(self, request: Request) -> Any:
        """
        The file. RFC 9110, 14.2: a Range may be ignored, as all are that are not one
        range of bytes that are there.
        """
        asked = request.getHeader(b"range")
        if asked is not None and not self._has(_RANGE.fullmatch(asked)):
            request.requestHeaders.removeHeader(b"range")
        return File.render_GET(self, request)

    def render_HEAD(self, request: Request) -> Any:
        """
        As the file, without the file.
        """
        return self.render_GET(request)

    def _has(self, asked: re.Match[bytes] | None) -> bool:
        if asked is None:
            return False
        first, last, suffix = asked.groups()
        if suffix:
            return int(suffix) <= self.getsize()
        return not last or int(first) <= int(last)


class Beside(Resource):
    """
    Services, and what else is at the same root: a first segment of the path that is no
    service's belongs to the pages.
    """

    def __init__(self, services: Resource, pages: IResource) -> None:
        Resource.__init__(self)
        self._services = services
        self._pages = pages

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        ours = path in self._services.children
        root: IResource = self._services if ours else self._pages
        child: IResource = root.getChildWithDefault(path, request)
        return child

"""The status page, as what a site serves: `statusResource`, `statusSite`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from twisted.internet.interfaces import IReactorTime
from twisted.python.filepath import FilePath
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.util import Redirect

from txsockjs._checkers import IsResource
from txsockjs.browser import CLIENT
from txsockjs.clock import clockOr
from txsockjs.factory import SockJSMultiFactory
from txsockjs.files import Beside
from txsockjs.options import SockJSOptions
from txsockjs.rooms.directory import Rooms
from txsockjs.status.access import OwnOrigin
from txsockjs.status.actions import Actions
from txsockjs.status.viewer import ViewerFactory
from txsockjs.status.watch import Watch
from txsockjs.transports.resource import SockJSResource

# Viewers at a time, and bytes of what one says.
_VIEWERS: Final = 50
_SAID: Final = 4096

_PAGES: Final = FilePath(__file__).sibling("pages")

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: What each file is served with. Nothing comes from elsewhere, and no other site can
#: show the page in a frame, to have somebody press its buttons.
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class _File(Resource):
    """
    A file of the page.
    """

    def __init__(self, path: FilePath[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._type = _TYPES[path.splitext()[1]]
        self._content = path.getContent()
        self._tag = f'"{sha256(self._content).hexdigest()[:32]}"'.encode("ascii")

    def render_GET(self, request: Request) -> bytes:
        """
        The file. HEAD has its headers.
        """
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        if request.setETag(self._tag) is http.CACHED:
            return b""
        request.setHeader("Content-Type", self._type)
        request.setHeader("Content-Length", str(len(self._content)))
        return b"" if request.method == b"HEAD" else self._content

    render_HEAD = render_GET


class StatusResource(Resource, IsResource):
    """
    The page, its files and, at ``live``, the service that it talks to.

    :ivar live: that service.
    """

    def __init__(self, live: SockJSResource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = live
        for path in (*_PAGES.children(), CLIENT):
            self.putChild(path.basename().encode("ascii"), _File(path))
        self.putChild(b"", self.children[b"index.html"])
        self.putChild(b"live", live)

    def render(self, request: Request) -> Any:
        """
        Without the slash at its end: a page's files are beside it.
        """
        path: Any = request.prepath
        return Redirect(quote(path[-1]).encode("ascii") + b"/").render(request)


def statusResource(
    services: Iterable[SockJSResource],
    *,
    token: str | None = None,
    origins: Iterable[str] = (),
    rooms: Iterable[Rooms] = (),
    workers: Callable[[], Iterable[Mapping[str, object]]] = tuple,
    clock: IReactorTime | None = None,
) -> StatusResource:
    """
    A page that shows what services do, live. Whoever can reach it can read it: put it
    where only those can who may, such as an address of this machine alone.

    :param services: the services, each with a name of its own. A view of a dict shows
        those that are added later, too.
    :param token: who has it can close sessions and drain services; None: nobody can.
    :param origins: those of the page, where it is reached by a name, as ``origins`` of
        `SockJSOptions` has them: ``"https://ops.example.com"``.
    :param rooms: the rooms to show, those of each broker with a name of their own.
    :param workers: called once a second while somebody looks; returns the processes
        that serve, each with ``name``, ``pid``, ``state`` and ``sessions``.
    :param clock: what tells the time; the global reactor if not given.
    :raise ValueError: for a token or an origin that will not do.
    """
    clock = clockOr(clock)
    watch = Watch(clock, services, rooms, workers)
    factory = ViewerFactory(clock, watch, Actions(services, token))
    options = SockJSOptions(
        origins=OwnOrigin(origins),
        disabled_transports=frozenset({"eventsource", "htmlfile", "jsonp"}),
        iframe=False,
        max_sessions=_VIEWERS,
        max_message_size=_SAID,
        drain_timeout=1.0,
    )
    return StatusResource(SockJSResource(factory, options, clock=clock, name="status"))


def statusSite(
    services: Iterable[SockJSResource], **settings: Any
) -> SockJSMultiFactory:
    """
    A site that is a status page, at ``/``.

    :param settings: as `statusResource` has them.
    """
    page = statusResource(services, **settings)
    site = SockJSMultiFactory(clock=settings.get("clock"))
    site.addService(page.live, "live")
    site.noisy = False
    site.resource = Beside(site.resource, page)
    return site

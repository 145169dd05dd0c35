"""The status page, as what a site serves: `statusResource`, `statusSite`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from twisted.internet.interfaces import IReactorTime
from twisted.python.filepath import FilePath
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.util import Redirect

from txsockjs._checkers import IsResource
from txsockjs.browser import CLIENT
from txsockjs.clock import clockOr
from txsockjs.factory import SockJSMultiFactory
from txsockjs.files import Beside, PageFile
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


class StatusResource(Resource, IsResource):
    """
    The page, its files and, at ``live``, the service that it talks to.

    :ivar live: that service.
    """

    def __init__(self, live: SockJSResource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = live
        for path in (*_PAGES.children(), CLIENT):
            name = path.basename()
            self.putChild(name.encode("ascii"), PageFile(name, path.getContent()))
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
    factory = ViewerFactory(clock, watch, Actions(clock, services, token))
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

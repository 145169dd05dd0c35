"""Whether a process takes sessions, for those who send it some: `HealthResource`.

::

    root.putChild(b"health", HealthResource(site.services.values()))
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from txsockjs._checkers import IsResource
from txsockjs.clock import Clock
from txsockjs.pagesite import PageSite
from txsockjs.transports.resource import SockJSResource

__all__ = ["HealthResource", "healthSite"]


class HealthResource(Resource, IsResource):
    """Answers 200 while at least one service takes sessions, and 503 while none does,
    such as those of a process that is stopping. The body has a line for each service,
    with its name and where in its life it is: ``new``, ``running``, ``draining`` or
    ``stopped``.

    With ``?service=NAME`` it is about one service alone; 404 if there is none of that
    name.
    """

    isLeaf = True

    def __init__(self, services: Iterable[SockJSResource]) -> None:
        """
        :param services: the services. A view of a dict shows those that are added
            later, too.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._services = services

    def render_GET(self, request: Request) -> bytes:
        """
        How it is.
        """
        services = [each.service for each in list(self._services)]
        status = 503
        if b"service" in request.args:
            asked = request.args[b"service"][0].decode("utf-8", "replace")
            services = [each for each in services if each.counters.service == asked]
            status = 503 if services else 404
        if any(not each.stopping for each in services):
            status = 200
        request.setResponseCode(status)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        request.setHeader("Cache-Control", "no-store")
        lines = [f"{each.counters.service}: {each.life.value}\n" for each in services]
        return "".join(lines).encode("utf-8")


def healthSite(services: Iterable[SockJSResource], clock: Clock | None = None) -> Site:
    """
    A site that says how services are, at ``/health``.

    :param services: the services.
    :param clock: what its time-outs are of; the global reactor if not given.
    """
    site = PageSite(clock=clock)
    site.resource.putChild(b"health", HealthResource(services))
    return site

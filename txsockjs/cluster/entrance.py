"""Where the requests come in that other processes pass on: `PeerSite`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from txsockjs.cluster.passed import (
    OURS,
    PASSED,
    NotPassed,
    Passed,
    readCertificate,
    readPassed,
)
from txsockjs.core.timers import Timers
from txsockjs.errors import NotAPeer, WireError
from txsockjs.web.body import BoundedRequest
from txsockjs.web.channel import BoundedChannel
from txsockjs.web.deadlines import TimedChannel, connectionTimers
from txsockjs.web.head import takeOut
from txsockjs.web.response import refuse
from txsockjs.web.site import BoundedProtocol

#: Seconds for which a connection is kept that no request comes on. Whoever passes
#: requests on gives it up far earlier.
IDLE: Final = 120

#: What finds out whether a request comes from a peer, and what that tells of it. It
#: raises `NotPassed` where it does not.
Check: TypeAlias = Callable[[Request, bytes], Passed]


class PassedRequest(BoundedRequest):
    """
    A request that came by way of another process. It says whose it is as though it had
    come here.

    :ivar passed: what that process has told.
    :ivar certificate: the client's certificate, if it showed one.
    """

    receivesAtOnce: ClassVar[object]
    passed: Passed
    certificate: Any = None

    def process(self) -> None:
        """
        Have the Site's Resource answer, if it is a peer's.
        """
        channel: Any = self.channel
        if self.uri == b"*" and self.method == b"OPTIONS":
            # Whether this process hangs: see `txsockjs.cluster.pulse`.
            self.setResponseCode(204)
            self.finish()
            return
        try:
            self.passed = passed = channel.site.check(self)
            # The application sees what the client has sent.
            _, certificates, _ = takeOut(self.requestHeaders, OURS)
            if certificates:
                self.certificate = readCertificate(certificates[-1])
        except NotPassed as problem:
            channel.site.strange(self, problem)
            response: Any = self
            body = refuse(self, NotAPeer())
            # RFC 9110, section 15.5.2.
            response.setHeader(b"WWW-Authenticate", b"SockJS-Cluster")
            response.setHeader(b"Content-Length", b"%d" % len(body))
            response.write(body)
            response.finish()
            return
        self.client: Any = passed.client
        self.host: Any = passed.host
        super().process()

    def isSecure(self) -> bool:
        """
        Whether it came over TLS, to begin with.
        """
        return self.passed.secure


PassedRequest.receivesAtOnce = PassedRequest


class PeerChannel(BoundedChannel):
    """
    A connection of a peer, which adds some headers.
    """

    totalHeadersSize: int = 4 * BoundedChannel.totalHeadersSize
    maxHeaders: int = BoundedChannel.maxHeaders + 10


class PeerSite(Site):
    """
    A site as the other processes see it.
    """

    noisy = False
    requestFactory = PassedRequest

    def __init__(
        self,
        site: Any,
        verify: Check,
        strange: Callable[[Request, NotPassed], object],
    ) -> None:
        """
        :param site: the site of the services.
        :param verify: what finds out whether a request comes from a peer. It gets the
            request, and the value of the header that tells of it.
        :param strange: called with a request that does not, and why.
        """
        root = Resource()
        super().__init__(  # type: ignore[no-untyped-call]
            root, reactor=site.reactor, timeout=IDLE, parsePOSTFormSubmission=False
        )
        self._site = site
        self._verify = verify
        self.strange = strange
        self.idleTimes: tuple[float, float] = float(IDLE), 0.0
        self.timers: Timers[TimedChannel] = connectionTimers(self.reactor)

    @property
    def smallBody(self) -> int:
        """
        How many bytes any request's body may have.
        """
        limit: int = self._site.smallBody
        return limit

    @staticmethod
    def protocol() -> BoundedProtocol:
        """
        Make the server's side of a connection.
        """
        return BoundedProtocol(PeerChannel())  # type: ignore[no-untyped-call]

    def check(self, request: Request) -> Passed:
        """
        Find out whether a request comes from a peer.

        :raise NotPassed: if it does not.
        """
        values = request.requestHeaders.getRawHeaders(PASSED)
        if values is None or len(values) != 1:
            raise NotPassed("no peer tells of it")
        return self._verify(request, values[0])

    def getResourceFor(self, request: Request) -> IResource:
        """
        The Resource that would answer if the request had come here.
        """
        resource: IResource = self._site.getResourceFor(request)
        return resource

    def bodyLimit(self, path: bytes) -> int:
        """
        How many bytes the body of a request may have.
        """
        limit: int = self._site.bodyLimit(path)
        return limit

    def refused(self, path: bytes, error: WireError) -> None:
        """
        Count a request that no service has seen.
        """
        self._site.refused(path, error)

    def log(self, request: HTTPRequest) -> None:
        """
        It is logged where it came in.
        """


def trust(request: Request, value: bytes) -> Passed:
    """
    What is told of a request that came in where nobody but peers can connect.
    """
    return readPassed(value)

"""
A real txsockjs server on a free loopback port, for tests with real clients.

`Server` has the services that SockJS's own test servers have (``echo``, ``close``,
``disabled_websocket_echo``, ``cookie_needed_echo``, ``amplify``) and some that make
visible what only the server knows; under ``/page/`` are the test page and the client.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet import defer, protocol, reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.static import File

from txsockjs.factory import SockJSMultiFactory, SockJSResource
from txsockjs.health import HealthResource

TESTS = Path(__file__).parents[2]
CLIENT = TESTS / "node_modules" / "sockjs-client" / "dist" / "sockjs.min.js"


class Close(protocol.Protocol):
    """Closes every session as it opens."""

    def connectionMade(self) -> None:
        self.transport.loseConnection()


class CloseAsAsked(protocol.Protocol):
    """Closes with what the message ``CODE REASON`` asks for, after a last message."""

    def dataReceived(self, data: bytes) -> None:
        code, reason = data.decode().split(" ", 1)
        self.transport.write(b"last words")
        self.transport.loseConnection(int(code), reason)


class Amplify(protocol.Protocol):
    """Answers the message ``N`` with 2 to the power of N bytes."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"x" * 2 ** int(data))


class Describe(protocol.Protocol):
    """Answers any message with what the server knows of the session."""

    def __init__(self, server: Server | None = None) -> None:
        self.server = server

    def connectionMade(self) -> None:
        if self.server is not None:
            self.server.described += 1

    def dataReceived(self, data: bytes) -> None:
        peer, request = self.transport.getPeer(), self.transport.request
        facts = {
            "peer": peer.host,
            "transport": request.transport,
            "secure": request.secure,
            "cookie": request.cookies.get("JSESSIONID"),
        }
        self.transport.write(json.dumps(facts).encode())


class Remember(protocol.Protocol):
    """Echoes; the first message is the name under which the end is remembered."""

    name: str | None = None

    def __init__(self, server: Server) -> None:
        self.server = server

    def dataReceived(self, data: bytes) -> None:
        self.name = self.name or data.decode()
        self.transport.write(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.server.sessionLost(self.name, reason)


class Isolated(File):
    """A page that takes nothing from other origins which has not agreed to that."""

    def render(self, request: Request) -> Any:
        request.setHeader(b"Cross-Origin-Embedder-Policy", b"require-corp")
        return super().render(request)


class WithoutUpgrade(Resource):
    """A service behind a proxy that knows no WebSocket, while ``info`` offers it."""

    isLeaf = True

    def __init__(self, service: SockJSResource) -> None:
        super().__init__()
        self.service = service

    def render(self, request: Request) -> bytes | int:
        request.requestHeaders.removeHeader(b"upgrade")
        return self.service.render(request)


class _NotedRequest(Request):
    """A request that notes the HTTP version that it came with."""

    def __init__(self, versions: dict[str, set[bytes]], *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._versions = versions

    def process(self) -> None:
        name = self.path.rpartition(b"/")[2].decode()
        self._versions.setdefault(name, set()).add(self.clientproto)
        super().process()


class Server:
    """
    A server with all services, running until `stop`.

    :ivar url: the base URL, without a slash at the end.
    :ivar lost: for each name given to the service ``remember``, why its sessions ended.
    :ivar described: how many sessions the service ``describe`` has had.
    :ivar versions: the HTTP versions that each transport's requests came with.
    """

    port: IListeningPort
    url: str

    def __init__(self, **options: Any) -> None:
        self.lost: dict[str | None, list[type[BaseException]]] = {}
        self.described = 0
        self.versions: dict[str, set[bytes]] = {}
        self._waiting: list[tuple[set[str], defer.Deferred[None]]] = []
        self.site = SockJSMultiFactory(requestFactory=self._request)
        common = {"sockjs_url": "/page/sockjs.min.js", **options}
        brief = {"heartbeat": 2, "timeout": 2}
        for name, factory, special in (
            ("echo", protocol.Factory.forProtocol(Echo), {}),
            ("close", protocol.Factory.forProtocol(Close), {}),
            (
                "disabled_websocket_echo",
                protocol.Factory.forProtocol(Echo),
                {"websocket": False},
            ),
            (
                "cookie_needed_echo",
                protocol.Factory.forProtocol(Echo),
                {"cookie_needed": True},
            ),
            ("close_as_asked", protocol.Factory.forProtocol(CloseAsAsked), {}),
            ("amplify", protocol.Factory.forProtocol(Amplify), {}),
            (
                "describe",
                protocol.Factory.forProtocol(lambda: Describe(self)),
                {"cookie_needed": True},
            ),
            ("remember", protocol.Factory.forProtocol(lambda: Remember(self)), brief),
        ):
            self.site.addFactory(factory, name, {**common, **special})
        behind = self.site.addFactory(
            protocol.Factory.forProtocol(Echo), "with_upgrade", common
        )
        self.site.resource.putChild(b"without_upgrade", WithoutUpgrade(behind))
        health = HealthResource(self.site.services.values())
        self.site.resource.putChild(b"health", health)
        page = File(str(TESTS / "js"))
        page.putChild(b"sockjs.min.js", File(str(CLIENT)))
        page.putChild(b"isolated.html", Isolated(str(TESTS / "js" / "page.html")))
        self.site.resource.putChild(b"page", page)

    def _request(self, *args: Any, **kw: Any) -> Request:
        return _NotedRequest(self.versions, *args, **kw)

    async def start(
        self, endpoint: IStreamServerEndpoint, scheme: str = "http"
    ) -> Server:
        """Listen on the endpoint; `url` is known then."""
        self.port = await endpoint.listen(self.site)
        self.url = f"{scheme}://127.0.0.1:{self.port.getHost().port}"
        return self

    async def stop(self) -> None:
        """Stop listening and close every session."""
        await defer.maybeDeferred(self.port.stopListening)

    def sessionLost(self, name: str | None, reason: Failure) -> None:
        assert reason.type is not None
        self.lost.setdefault(name, []).append(reason.type)
        for names, waiting in self._waiting[:]:
            if names <= self.lost.keys():
                self._waiting.remove((names, waiting))
                waiting.callback(None)

    async def untilLost(self, names: set[str]) -> None:
        """Wait until the sessions of all these names have ended, or for 20 seconds."""
        if not names <= self.lost.keys():
            waiting: defer.Deferred[None] = defer.Deferred()
            self._waiting.append((names, waiting))
            waiting.addTimeout(20, reactor)
            await waiting


async def startPlain(**options: Any) -> Server:
    """A `Server` over TCP."""
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    return await Server(**options).start(endpoint)

"""
Tornado and txsockjs in one process, each at a port of its own: pages stay where they
are, and share what they like with the sessions.
"""

import asyncio
import sys
from typing import Any, ClassVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from twisted.internet import asyncioreactor, defer, endpoints, task

from txsockjs.connection import (
    ConnectionInfo,
    SockJSApplication,
    SockJSConnection,
    SockJSRouter,
)


class Chat(SockJSConnection):
    present: ClassVar[set[SockJSConnection]] = set()

    def on_open(self, request: ConnectionInfo) -> None:
        self.broadcast(self.present, "Somebody joins.")
        self.present.add(self)

    def on_message(self, message: str) -> None:
        self.broadcast(self.present, message)

    def on_close(self) -> None:
        self.present.remove(self)
        self.broadcast(self.present, "Somebody leaves.")


class Present(RequestHandler):
    def get(self) -> None:
        self.write(f"{len(Chat.present)} present")


class Say(RequestHandler):
    def initialize(self, router: SockJSRouter) -> None:
        self.router = router

    def post(self) -> None:
        self.router.broadcast(Chat.present, self.request.body)


async def main(reactor: Any, port: str = "8080", pages: str = "8081") -> None:
    router = SockJSRouter(Chat, "/chat")
    more = {"router": router}
    server = HTTPServer(Application([("/present", Present), ("/say", Say, more)]))
    [socket] = bind_sockets(int(pages), "127.0.0.1")
    server.add_socket(socket)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(SockJSApplication(router.urls))
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    print(f"Pages at http://127.0.0.1:{socket.getsockname()[1]}/present", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    task.react(main, sys.argv[1:])

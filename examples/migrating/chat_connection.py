"""
The chat of chat_tornado.py with its connection class as it is, but for the import line.
"""

import sys
from typing import Any, ClassVar

from twisted.internet import defer, endpoints, task

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


async def main(reactor: Any, port: str = "8080") -> None:
    router = SockJSRouter(Chat, "/chat", {"disconnect_delay": 3, "jsessionid": False})
    site = SockJSApplication(router.urls)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(site)
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

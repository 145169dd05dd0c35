"""
A chat with txsockjs, to be compared with chat_tornado.py.
"""

import sys
from typing import Any, ClassVar

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txsockjs import SessionTransport, SockJSMultiFactory, SockJSProtocol, broadcast


class Chat(SockJSProtocol):
    present: ClassVar[set[SessionTransport]] = set()

    def connectionMade(self) -> None:
        broadcast("Somebody joins.", self.present)
        self.present.add(self.transport)

    def dataReceived(self, data: bytes) -> None:
        broadcast(data, self.present)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.present.remove(self.transport)
        broadcast("Somebody leaves.", self.present)


async def main(reactor: Any, port: str = "8080") -> None:
    site = SockJSMultiFactory()
    site.addFactory(Chat, "chat", {"timeout": 3})
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(site)
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

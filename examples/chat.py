"""
A chat: what one says, all read. Its page is at http://127.0.0.1:8080/

    python chat.py
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import File

from txsockjs import SessionTransport, SockJSProtocol, SockJSResource, broadcast


class Chat(SockJSProtocol):
    def connectionMade(self) -> None:
        self.factory.present.add(self.transport)
        self.tell("*", "somebody joins")

    def dataReceived(self, data: bytes) -> None:
        name, _, words = data.decode().partition(": ")
        self.tell(name, words)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.present.remove(self.transport)
        self.tell("*", "somebody leaves")

    def tell(self, name: str, words: str) -> None:
        broadcast(f"{name}: {words}", self.factory.present)


class ChatFactory(Factory[Chat]):
    protocol = Chat

    def __init__(self) -> None:
        self.present: set[SessionTransport] = set()


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    root: Any = Resource()
    root.putChild(b"", File(str(Path(__file__).with_name("chat.html"))))
    root.putChild(b"chat", SockJSResource(ChatFactory()))
    site = Site(root, parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"A chat at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

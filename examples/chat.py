"""
A chat: what one says, all read. Its page is at http://127.0.0.1:8080/

    python chat.py
"""

import sys
from pathlib import Path

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import File

from txsockjs import SockJSResource, broadcast


class Chat(Protocol):
    def connectionMade(self):
        self.factory.present.add(self.transport)
        self.tell("*", "somebody joins")

    def dataReceived(self, data):
        name, _, words = data.decode().partition(": ")
        self.tell(name, words)

    def connectionLost(self, reason):
        self.factory.present.remove(self.transport)
        self.tell("*", "somebody leaves")

    def tell(self, name, words):
        broadcast(f"{name}: {words}", self.factory.present)


class ChatFactory(Factory):
    protocol = Chat

    def __init__(self):
        self.present = set()


async def main(reactor, listen="tcp:8080:interface=127.0.0.1"):
    root = Resource()
    root.putChild(b"", File(Path(__file__).with_name("chat.html")))
    root.putChild(b"chat", SockJSResource(ChatFactory()))
    site = Site(root, parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"A chat at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

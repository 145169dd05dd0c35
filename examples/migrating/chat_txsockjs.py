"""
A chat with txsockjs, to be compared with chat_tornado.py.
"""

import sys

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory, Protocol

from txsockjs import SockJSMultiFactory, broadcast


class Chat(Protocol):
    present = set()

    def connectionMade(self):
        broadcast("Somebody joins.", self.present)
        self.present.add(self.transport)

    def dataReceived(self, data):
        broadcast(data, self.present)

    def connectionLost(self, reason):
        self.present.remove(self.transport)
        broadcast("Somebody leaves.", self.present)


async def main(reactor, port="8080"):
    site = SockJSMultiFactory()
    site.addFactory(Factory.forProtocol(Chat), "chat", {"timeout": 3})
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(site)
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

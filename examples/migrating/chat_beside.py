"""
A chat with txsockjs beside other pages, to be compared with chat_node.js.
"""

import sys

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs import SockJSResource, broadcast

present = set()


class Chat(Protocol):
    def connectionMade(self):
        broadcast("Somebody joins.", present)
        present.add(self.transport)

    def dataReceived(self, data):
        broadcast(data, present)

    def connectionLost(self, reason):
        present.discard(self.transport)
        broadcast("Somebody leaves.", present)


class Present(Resource):
    def render_GET(self, request):
        return f"{len(present)} present".encode()


async def main(reactor, port="8080"):
    root = Resource()
    root.putChild(b"present", Present())
    root.putChild(b"chat", SockJSResource(Factory.forProtocol(Chat)))
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(Site(root, parsePOSTFormSubmission=False))
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

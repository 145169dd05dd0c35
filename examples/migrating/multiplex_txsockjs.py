"""
Two topics over one connection with txsockjs, for the client of websocket-multiplex; to
be compared with multiplex_tornado.py.
"""

import sys

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs.multiplex import SockJSMultiplexResource


class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Chat(Protocol):
    def dataReceived(self, data):
        self.transport.broadcast(data)


async def main(reactor, port="8080"):
    topics = SockJSMultiplexResource({"cookie_needed": True})
    topics.addFactory("echo", Factory.forProtocol(Echo))
    topics.addFactory("chat", Factory.forProtocol(Chat))
    root = Resource()
    root.putChild(b"multiplex", topics)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(Site(root, parsePOSTFormSubmission=False))
    port = listening.getHost().port
    print(f"Topics at http://127.0.0.1:{port}/multiplex", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

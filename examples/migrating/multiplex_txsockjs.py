"""
Two topics over one connection with txsockjs, for the client of websocket-multiplex; to
be compared with multiplex_tornado.py.
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs.multiplex import ChannelProtocol, SockJSMultiplexResource


class Echo(ChannelProtocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Chat(ChannelProtocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.broadcast(data)


async def main(reactor: Any, port: str = "8080") -> None:
    topics = SockJSMultiplexResource({"cookie_needed": True})
    topics.addFactory("echo", Echo)
    topics.addFactory("chat", Chat)
    root: Any = Resource()
    root.putChild(b"multiplex", topics)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(Site(root, parsePOSTFormSubmission=False))
    port = listening.getHost().port
    print(f"Topics at http://127.0.0.1:{port}/multiplex", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
A chat with txsockjs beside other pages, to be compared with chat_node.js.
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from txsockjs import SessionTransport, SockJSProtocol, SockJSResource, broadcast

present: set[SessionTransport] = set()


class Chat(SockJSProtocol):
    def connectionMade(self) -> None:
        broadcast("Somebody joins.", present)
        present.add(self.transport)

    def dataReceived(self, data: bytes) -> None:
        broadcast(data, present)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        present.discard(self.transport)
        broadcast("Somebody leaves.", present)


class Present(Resource):
    def render_GET(self, request: Request) -> bytes:
        return f"{len(present)} present".encode()


async def main(reactor: Any, port: str = "8080") -> None:
    root: Any = Resource()
    root.putChild(b"present", Present())
    root.putChild(b"chat", SockJSResource(Chat))
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(Site(root, parsePOSTFormSubmission=False))
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

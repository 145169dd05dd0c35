"""
Two services over one connection. Their page is at http://127.0.0.1:8080/

    python multiplex.py

Topics that begin with "room-" are made when somebody asks for them, and go when the
last one has left.
"""

import sys
from pathlib import Path
from typing import Any

from chat import ChatFactory
from twisted.internet import defer, endpoints, task
from twisted.protocols.wire import Echo
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import File

from txsockjs.multiplex import MultiplexProtocol, SockJSMultiplexResource
from txsockjs.subscriptions import Subscribed


class Topics(SockJSMultiplexResource):
    def subscribe(self, connection: MultiplexProtocol, name: str) -> Subscribed:
        factory = super().subscribe(connection, name)
        if factory is None and name.startswith("room-"):
            factory = ChatFactory()
            self.addFactory(name, factory)
        return factory


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    topics = Topics()
    topics.addFactory("echo", Echo)
    topics.addFactory("chat", ChatFactory())
    here = Path(__file__).parent
    root: Any = Resource()
    root.putChild(b"", File(str(here / "multiplex.html")))
    root.putChild(b"multiplex_client.js", File(str(here / "multiplex_client.js")))
    root.putChild(b"multiplex", topics)
    site = Site(root, parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"Topics at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
A service beside a WSGI application, here Flask's, on one port.

    python flask_app.py
"""

import sys
from typing import Any

from chat import ChatFactory
from flask import Flask, request
from twisted.internet import defer, endpoints, reactor, task
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.wsgi import WSGIResource

from txsockjs import SockJSResource, broadcast

app = Flask(__name__)
runtime: Any = reactor
factory = ChatFactory()


@app.get("/present")
def present() -> str:
    return str(len(factory.present))


@app.post("/say")
def say() -> tuple[str, int]:
    # WSGI runs in threads, and transports are for the reactor's own thread.
    runtime.callFromThread(broadcast, request.get_data(), factory.present)
    return "", 204


class Root(Resource):
    """
    What is at none of its children is the WSGI application's.
    """

    def getChild(self, path: bytes, request: Any) -> Any:
        request.postpath.insert(0, request.prepath.pop())
        return WSGIResource(runtime, runtime.getThreadPool(), app)


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    root = Root()
    root.putChild(b"chat", SockJSResource(factory))
    site = Site(root, parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"Flask at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

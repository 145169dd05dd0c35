"""
A service beside a Klein application, on one port.

    python klein_app.py
"""

import sys
from typing import Any

from chat import ChatFactory
from klein import Klein
from twisted.internet import defer, endpoints, task
from twisted.web.server import Request, Site

from txsockjs import SockJSResource, broadcast

app = Klein()
factory = ChatFactory()
service = SockJSResource(factory)


@app.route("/chat/", branch=True)
def chat(request: Request) -> SockJSResource:
    return service


@app.route("/present")
def present(request: Request) -> str:
    return str(len(factory.present))


@app.route("/say", methods=["POST"])
def say(request: Request) -> None:
    assert request.content is not None
    broadcast(request.content.read(), factory.present)
    request.setResponseCode(204)


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    site = Site(app.resource(), parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"Klein at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
The chat and its pages, at http://127.0.0.1:8080/

    python server.py
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from accounts import authorize, sign
from chat import makeChat
from twisted.internet import defer, endpoints, task
from twisted.python import log
from twisted.web.resource import Resource
from twisted.web.static import File
from twisted.web.util import redirectTo

from txsockjs import SockJSMultiFactory
from txsockjs.browser import clientScript
from txsockjs.rooms import Rooms
from txsockjs.rooms.script import roomsScript

PUBLIC = Path(__file__).with_name("public")


class Login(Resource):
    def __init__(self, secure: bool) -> None:
        super().__init__()
        self.secure = secure

    def render_POST(self, request: Any) -> bytes:
        """This takes everybody at their word. Yours will ask for a password."""
        form = parse_qs(request.content.read().decode("utf-8", "replace"))
        name = form.get("name", [""])[0].strip()[:50]
        if name:
            # No script can read it, and no other site's page can have it sent.
            request.addCookie(
                "chat",
                sign(name),
                secure=self.secure,
                httpOnly=True,
                sameSite="strict",
            )
        page: bytes = redirectTo(b"/", request)
        return page


def addPages(root: Any, secure: bool = False) -> None:
    """Add all but the chat; with a cookie for TLS alone, if that is there."""
    root.putChild(b"", File(str(PUBLIC / "index.html")))
    root.putChild(b"sockjs.min.js", clientScript())
    root.putChild(b"rooms.js", roomsScript())
    root.putChild(b"login", Login(secure))


def makeSite(reactor: Any) -> SockJSMultiFactory:
    rooms = Rooms(clock=reactor)
    rooms.configure("*", history=100)
    site = SockJSMultiFactory(clock=reactor)
    options = {"authorize": authorize, "origins": ["same"]}
    site.addFactory(makeChat(rooms), "chat", options)
    addPages(site.resource)
    return site


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    log.startLogging(sys.stdout)
    endpoint = endpoints.serverFromString(reactor, listen)
    port = await endpoint.listen(makeSite(reactor))
    print(f"A chat at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

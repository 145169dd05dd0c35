"""
Who is calling, by the cookie of a page that they have logged in to.

    python authorize_cookie.py

Say who you are at http://127.0.0.1:8080/, and talk in that name.
"""

import secrets
import sys
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.web.util import redirectTo

from txsockjs import (
    AsyncSession,
    OpeningRequest,
    Rejected,
    SessionTransport,
    SockJSResource,
    broadcast,
    handler,
)

USERS: dict[str, str] = {}

PAGE = b"""<!doctype html>
<html lang="en">
<title>Who is calling</title>
<script src="https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js"></script>
<form method="post" action="login">
  <input name="user" aria-label="Your name" required> <button>Log in</button>
</form>
<form id="say"><input aria-label="Say" required> <button>Say</button></form>
<pre id="said"></pre>
<script>
  const show = (text) => document.getElementById('said').append(text, '\\n');
  const chat = new SockJS('/chat');
  chat.onmessage = (event) => show(event.data);
  chat.onclose = (event) => show(`${event.code} ${event.reason}`);
  document.getElementById('say').onsubmit = (event) => {
    event.preventDefault();
    chat.send(event.target[0].value);
    event.target.reset();
  };
</script>
"""


class Page(Resource):
    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "text/html; charset=utf-8")
        return PAGE


class Login(Resource):
    def render_POST(self, request: Any) -> bytes:
        """This takes everybody at their word. Yours will ask for more."""
        cookie = secrets.token_urlsafe()
        [user] = request.args[b"user"]
        USERS[cookie] = user.decode()
        # No script can read it, and no other site's page can send it.
        request.addCookie("login", cookie, path="/", httpOnly=True, sameSite="strict")
        page: bytes = redirectTo(b"/", request)
        return page


def authorize(request: OpeningRequest) -> str:
    """The user's name becomes the session's avatar."""
    user = USERS.get(request.cookies.get("login", ""))
    if user is None:
        raise Rejected(4401, "Log in first")
    return user


present: set[SessionTransport] = set()


@handler
async def chat(session: AsyncSession[str]) -> None:
    present.add(session.transport)
    broadcast(f"* {session.avatar} joins", present)
    try:
        async for message in session:
            broadcast(f"{session.avatar}: {message}", present)
    finally:
        present.remove(session.transport)


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    root: Any = Resource()
    root.putChild(b"", Page())
    root.putChild(b"login", Login())
    port = await endpoints.serverFromString(reactor, listen).listen(Site(root))
    here = f"http://127.0.0.1:{port.getHost().port}"
    # A cookie comes from wherever the browser is: only pages of this site may use it.
    options = {"authorize": authorize, "origins": [here]}
    root.putChild(b"chat", SockJSResource(chat, options))
    print(f"Log in at {here}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

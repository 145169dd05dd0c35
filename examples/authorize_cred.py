"""
Who is calling, by a Portal of twisted.cred that guards the page as well.

    python authorize_cred.py
    python authorize_cred.py tcp:8080 passwords.txt

Open http://127.0.0.1:8080/ and log in as bob, with the password "secret", or as one of
those in a file with lines of NAME:PASSWORD.
"""

import sys
from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import (
    FilePasswordDB,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer, endpoints, task
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from twisted.web.static import Data
from zope.interface import Interface, implementer  # type: ignore[import-untyped]

from txsockjs import AsyncSession, SockJSResource, handler
from txsockjs.cred import authorizePortal, basicCredentials

PAGE = b"""<!doctype html>
<html lang="en">
<title>Who is calling</title>
<script src="https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js"></script>
<pre id="said"></pre>
<script>
  const show = (text) => document.getElementById('said').append(text, '\\n');
  const session = new SockJS('/session');
  session.onmessage = (event) => show(event.data);
  session.onclose = (event) => show(`${event.code} ${event.reason}`);
</script>
"""


class IMember(Interface):  # type: ignore[misc]
    """What a session of somebody who is known has as its avatar."""


@implementer(IMember)
class Member:
    def __init__(self, name: str) -> None:
        self.name = name


@implementer(IRealm)
class Club:
    """Who is a member sees the page, and opens sessions."""

    def __init__(self) -> None:
        self.present: list[str] = []

    def requestAvatar(
        self, name: bytes, mind: object, *interfaces: Any
    ) -> tuple[Any, Any, Callable[[], None]]:
        if IResource in interfaces:
            page = Data(PAGE, "text/html; charset=utf-8")
            return IResource, page, lambda: None
        member = Member(name.decode())
        self.present.append(member.name)
        return IMember, member, lambda: self.present.remove(member.name)


async def main(
    reactor: Any,
    listen: str = "tcp:8080:interface=127.0.0.1",
    passwords: str | None = None,
) -> None:
    checker: Any
    if passwords is None:
        checker = InMemoryUsernamePasswordDatabaseDontUse(bob=b"secret")
    else:
        checker = FilePasswordDB(passwords)
    club: Any = Club()
    portal = Portal(club, [checker])

    @handler
    async def session(session: AsyncSession[Member]) -> None:
        await session.send(f"Hello, {session.avatar.name}!")
        async for _ in session:
            await session.send(f"Present: {', '.join(club.present)}")

    root: Any = Resource()
    guard = HTTPAuthSessionWrapper(portal, [BasicCredentialFactory("Club")])
    root.putChild(b"", guard)
    port = await endpoints.serverFromString(reactor, listen).listen(Site(root))
    here = f"http://127.0.0.1:{port.getHost().port}"
    authorize = authorizePortal(portal, basicCredentials, IMember)
    # A browser sends a password wherever a page asks: only this site's pages may ask.
    options = {"authorize": authorize, "origins": [here]}
    root.putChild(b"session", SockJSResource(session, options))
    print(f"Log in at {here}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
Who is calling, by a token in the URL, for pages whose cookies do not reach this server.

    python authorize_token.py
    python authorize_token.py --sign bob

What signs the tokens, after a login of its own, shares the secret with this server. In
the page, with sockjs-client:

    const chat = new SockJS("http://127.0.0.1:8080?token=" + encodeURIComponent(token));
    chat.onmessage = (event) => console.log(event.data);
    chat.onclose = (event) => console.log(event.code, event.reason);
"""

import hmac
import os
import sys
import time
from typing import Any

from twisted.internet import defer, endpoints, task

from txsockjs import AsyncSession, OpeningRequest, Rejected, SockJSFactory, handler

SECRET = os.environ.get("SECRET", "only for trying it out").encode()


def signature(text: str) -> str:
    return hmac.digest(SECRET, text.encode(), "sha256").hex()


def sign(user: str, seconds: float = 60) -> str:
    """A token that lets somebody in, until it expires."""
    text = f"{user}:{int(time.time() + seconds)}"
    return f"{text}:{signature(text)}"


def authorize(request: OpeningRequest) -> str:
    """The user's name becomes the session's avatar."""
    [token] = request.args.get("token", [""])
    text, _, signed = token.rpartition(":")
    if not hmac.compare_digest(signed.encode(), signature(text).encode()):
        raise Rejected(4401, "No valid token")
    user, _, expires = text.rpartition(":")
    if int(expires) < time.time():
        raise Rejected(4403, "The token has expired")
    return user


@handler
async def greet(session: AsyncSession[str]) -> None:
    await session.send(f"Hello, {session.avatar}!")
    async for message in session:
        await session.send(f"{session.avatar}: {message}")


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    site = SockJSFactory(greet, {"authorize": authorize})
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"For bob, {sign('bob')}", flush=True)
    print(f"at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sign"]:
        print(sign(sys.argv[2], *map(float, sys.argv[3:])))
    else:
        task.react(main, sys.argv[1:])

"""
A chat as an async handler: one coroutine for each who is there.

    python handler_chat.py
    twistd -n sockjs --service chat=handler_chat.chat

In the page, with sockjs-client:

    const chat = new SockJS("http://127.0.0.1:8080");
    chat.onopen = () => chat.send("my name");
    chat.onmessage = (event) => console.log(event.data);
    chat.onclose = (event) => console.log(event.code, event.reason);
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task

from txsockjs import AsyncSession, SessionTransport, SockJSFactory, broadcast, handler

present: dict[str, SessionTransport] = {}


def tell(text: str) -> None:
    broadcast(text, present.values())


@handler
async def chat(session: AsyncSession) -> None:
    """Asks for a name, and passes on what is said in it."""
    await session.send("Your name, please?")
    name = await anext(session)
    if name in present:
        session.close(4009, "That name is taken")
        return
    present[name] = session.transport
    try:
        tell(f"* {name} joins")
        async for message in session:
            if message == "/quit":
                return
            tell(f"{name}: {message}")
    finally:
        # However it ends: left, closed by either side, or the network gone.
        del present[name]
        tell(f"* {name} leaves")


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    endpoint = endpoints.serverFromString(reactor, listen)
    port = await endpoint.listen(SockJSFactory(chat))
    print(f"A chat at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
A chat with txsockjs and asyncio, to be compared with chat_aiohttp.py and
chat_websockets.py.
"""

import sys
from typing import Any

from twisted.internet import asyncioreactor, defer, endpoints, task

from txsockjs import (
    AsyncSession,
    SessionTransport,
    SockJSMultiFactory,
    broadcast,
    handler,
)

present: set[SessionTransport] = set()


@handler
async def chat(session: AsyncSession) -> None:
    broadcast("Somebody joins.", present)
    present.add(session.transport)
    try:
        async for message in session:
            broadcast(message, present)
    finally:
        present.remove(session.transport)
        broadcast("Somebody leaves.", present)


async def main(reactor: Any, port: str = "8080") -> None:
    site = SockJSMultiFactory()
    site.addFactory(chat, "chat")
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(site)
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    asyncioreactor.install()
    task.react(main, sys.argv[1:])

"""
A quiz against the clock: an async handler that awaits what asyncio has.

    python handler_asyncio.py
    twistd --reactor=asyncio -n sockjs --service quiz=handler_asyncio.quiz

In the page, with sockjs-client:

    const quiz = new SockJS("http://127.0.0.1:8080");
    quiz.onmessage = (event) => quiz.send(prompt(event.data));
    quiz.onclose = (event) => console.log(event.code, event.reason);
"""

import asyncio
import os
import random
import sys
from typing import Any

from twisted.internet import asyncioreactor, defer, endpoints, task

from txsockjs import AsyncSession, SockJSFactory, handler

SECONDS = float(os.environ.get("SECONDS", "10"))


@handler
async def quiz(session: AsyncSession) -> None:
    """Asks three sums, and gives some time for each."""
    score = 0
    for _ in range(3):
        left, right = random.sample(range(10, 100), 2)
        await session.send(f"{left} + {right}")
        try:
            async with asyncio.timeout(SECONDS):
                answer = await anext(session)
        except TimeoutError:
            session.close(4008, "Too slow")
            return
        score += answer == str(left + right)
    await session.send(f"{score} of 3")


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    endpoint = endpoints.serverFromString(reactor, listen)
    port = await endpoint.listen(SockJSFactory(quiz))
    print(f"A quiz at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    asyncioreactor.install()
    task.react(main, sys.argv[1:])

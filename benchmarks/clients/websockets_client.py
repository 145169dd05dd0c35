"""The client of the library ``websockets`` on asyncio, without SockJS."""

import asyncio

import websockets

from benchmarks.clients.echoing import Conversation, Load


def main() -> None:
    """Drive the connections."""
    load = Load()
    url = f"ws://127.0.0.1:{load.port}{load.service}/websocket"
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def talk(conversation: Conversation) -> None:
        try:
            async with websockets.connect(url, proxy=None) as connection:
                for text in conversation.opened():
                    await connection.send(text)
                async for message in connection:
                    for text in conversation.received(message):
                        await connection.send(text)
        except Exception as error:
            conversation.lost(error)

    def connect(conversation: Conversation) -> None:
        task = loop.create_task(talk(conversation))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    load.begin(connect, loop.call_later, loop.stop)
    load.run(loop.run_forever)


if __name__ == "__main__":
    main()

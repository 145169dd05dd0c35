"""
A chat with websockets, to be compared with chat_handler.py.
"""

import asyncio
import sys

from websockets.asyncio.server import broadcast, serve

present = set()


async def chat(websocket):
    broadcast(present, "Somebody joins.")
    present.add(websocket)
    try:
        async for message in websocket:
            broadcast(present, message)
    finally:
        present.remove(websocket)
        broadcast(present, "Somebody leaves.")


async def main(port="8080"):
    async with serve(chat, "127.0.0.1", int(port)) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"A chat at http://127.0.0.1:{port}/", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""
A chat with aiohttp and its sockjs, to be compared with chat_handler.py.
"""

import asyncio
import sys

import sockjs
from aiohttp import web


async def chat(manager, session, message):
    if message.type == sockjs.MsgType.OPEN:
        manager.broadcast("Somebody joins.", {session.id})
    elif message.type == sockjs.MsgType.MESSAGE:
        manager.broadcast(message.data)
    elif message.type == sockjs.MsgType.CLOSED:
        manager.broadcast("Somebody leaves.", {session.id})


async def main(port="8080"):
    app = web.Application()
    sockjs.add_endpoint(app, chat, name="chat", prefix="/chat")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    print(f"A chat at http://127.0.0.1:{runner.addresses[0][1]}/chat", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""PyPI's ``python-socketio`` on aiohttp and uvloop, its rooms joined by Redis.  Runs in
an environment of its own."""

import argparse
import asyncio
import signal

import socketio
import uvloop
from aiohttp import web


async def serve(url):
    manager = socketio.AsyncRedisManager(url)
    server = socketio.AsyncServer(async_mode="aiohttp", client_manager=manager)

    @server.event
    async def connect(session, environ):
        await server.enter_room(session, "room")

    @server.event
    async def say(session, text):
        await server.emit("say", text, room="room")

    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print("listening", runner.addresses[0][1], flush=True)
    await ended.wait()


parser = argparse.ArgumentParser()
parser.add_argument("--redis")
uvloop.run(serve(parser.parse_args().redis))

"""
PyPI's ``sockjs`` on aiohttp and uvloop, where that is installed.  Runs in an
environment of its own.
"""

import argparse
import asyncio
import signal
import ssl

import sockjs
from aiohttp import web
from collected import leave

try:
    from uvloop import run
except ImportError:
    from asyncio import run


async def echo(manager, session, message):
    if message.type == sockjs.MsgType.MESSAGE:
        session.send(message.data)


async def broadcast(manager, session, message):
    if message.type == sockjs.MsgType.MESSAGE:
        manager.broadcast(message.data)


async def serve(tls):
    app = web.Application()
    sockjs.add_endpoint(app, echo, name="echo", prefix="/echo")
    # The WebSockets of aiohttp compress where a client offers it.
    sockjs.add_endpoint(app, echo, name="deflate", prefix="/deflate")
    sockjs.add_endpoint(app, broadcast, name="broadcast", prefix="/broadcast")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=4096)
    await site.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR2, leave)
    print("listening", runner.addresses[0][1], flush=True)
    await ended.wait()


parser = argparse.ArgumentParser()
parser.add_argument("--tls")
run(serve(parser.parse_args().tls))

"""
PyPI's ``sockjs-tornado``, Tornado's loop being uvloop's, where that is installed.  Runs
in an environment of its own.

Its cookie is off, as it is by default in the servers that can go without one.
"""

import argparse
import asyncio
import signal
import ssl

import tornado.httpserver
import tornado.netutil
import tornado.web
from collected import leave
from sockjs.tornado import SockJSConnection, SockJSRouter

try:
    from uvloop import run
except ImportError:
    from asyncio import run


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Broadcast(SockJSConnection):
    everybody = set()

    def on_open(self, request):
        self.everybody.add(self)

    def on_message(self, message):
        self.broadcast(self.everybody, message)

    def on_close(self):
        self.everybody.discard(self)


async def serve(tls):
    settings = {"jsessionid": False}
    echo = SockJSRouter(Echo, "/echo", settings)
    broadcast = SockJSRouter(Broadcast, "/broadcast", settings)
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls)
    app = tornado.web.Application(
        echo.urls + broadcast.urls, log_function=lambda handler: None
    )
    server = tornado.httpserver.HTTPServer(app, ssl_options=context)
    [sock] = tornado.netutil.bind_sockets(0, "127.0.0.1", backlog=4096)
    server.add_socket(sock)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR2, leave)
    print("listening", sock.getsockname()[1], flush=True)
    await ended.wait()


parser = argparse.ArgumentParser()
parser.add_argument("--tls")
run(serve(parser.parse_args().tls))

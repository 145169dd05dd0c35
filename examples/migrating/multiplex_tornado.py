"""
Two topics over one connection with sockjs-tornado, for the client of
websocket-multiplex; to be compared with multiplex_txsockjs.py.
"""

import asyncio
import sys

from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application


class Channel:
    def __init__(self, connection, name):
        self.connection = connection
        self.name = name

    def send(self, message):
        self.connection.send(f"msg,{self.name},{message}")

    def on_open(self):
        pass

    def on_close(self):
        pass


class Echo(Channel):
    def on_message(self, message):
        self.send(message)


class Chat(Channel):
    present = set()

    def on_open(self):
        self.present.add(self)

    def on_message(self, message):
        for each in self.present:
            each.send(message)

    def on_close(self):
        self.present.remove(self)


class Multiplex(SockJSConnection):
    topics = {"echo": Echo, "chat": Chat}

    def on_open(self, request):
        self.channels = {}

    def on_message(self, message):
        kind, name, *payload = message.split(",", 2)
        channel = self.channels.get(name)
        if kind == "sub" and channel is None and name in self.topics:
            channel = self.channels[name] = self.topics[name](self, name)
            channel.on_open()
        elif kind == "uns" and channel is not None:
            del self.channels[name]
            channel.on_close()
        elif kind == "msg" and channel is not None and payload:
            channel.on_message(payload[0])

    def on_close(self):
        for channel in self.channels.values():
            channel.on_close()


async def main(port="8080"):
    router = SockJSRouter(Multiplex, "/multiplex")
    server = HTTPServer(Application(router.urls))
    [socket] = bind_sockets(int(port), "127.0.0.1")
    server.add_socket(socket)
    port = socket.getsockname()[1]
    print(f"Topics at http://127.0.0.1:{port}/multiplex", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""
A chat with sockjs-tornado, to be compared with chat_txsockjs.py.
"""

import asyncio
import sys

from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application


class Chat(SockJSConnection):
    present = set()

    def on_open(self, request):
        self.broadcast(self.present, "Somebody joins.")
        self.present.add(self)

    def on_message(self, message):
        self.broadcast(self.present, message)

    def on_close(self):
        self.present.remove(self)
        self.broadcast(self.present, "Somebody leaves.")


async def main(port="8080"):
    router = SockJSRouter(Chat, "/chat", {"disconnect_delay": 3, "jsessionid": False})
    server = HTTPServer(Application(router.urls))
    [socket] = bind_sockets(int(port), "127.0.0.1")
    server.add_socket(socket)
    print(f"A chat at http://127.0.0.1:{socket.getsockname()[1]}/chat", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

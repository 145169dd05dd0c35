"""
The chat of chat_tornado.py with its connection class as it is, but for the import line.
"""

import sys

from twisted.internet import defer, endpoints, task

from txsockjs.connection import SockJSApplication, SockJSConnection, SockJSRouter


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


async def main(reactor, port="8080"):
    router = SockJSRouter(Chat, "/chat", {"disconnect_delay": 3, "jsessionid": False})
    site = SockJSApplication(router.urls)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(site)
    print(f"A chat at http://127.0.0.1:{listening.getHost().port}/chat", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

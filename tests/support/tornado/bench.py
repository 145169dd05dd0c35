"""What a benchmark talks with: broadcasts what each says."""

from sockjs.tornado import SockJSConnection, SockJSRouter


class EchoConnection(SockJSConnection):
    clients = set()

    def on_open(self, msg):
        self.clients.add(self)

    def on_message(self, msg):
        self.broadcast(self.clients, msg)

    def on_close(self):
        self.clients.remove(self)


EchoRouter = SockJSRouter(
    EchoConnection, "/echo", {"disabled_transports": ["eventsource"]}
)
urls = EchoRouter.urls

"""The services of sockjs-protocol's tests, and of sockjs-client's."""

import math

from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado import ioloop


class EchoConnection(SockJSConnection):
    def on_message(self, msg):
        self.send(msg)


class CloseConnection(SockJSConnection):
    def on_open(self, info):
        self.close()

    def on_message(self, msg):
        pass


class TickerConnection(SockJSConnection):
    def on_open(self, info):
        self.timeout = ioloop.PeriodicCallback(self._ticker, 1000)
        self.timeout.start()

    def on_message(self, msg):
        pass

    def on_close(self):
        self.timeout.stop()

    def _ticker(self):
        self.send("tick!")


class BroadcastConnection(SockJSConnection):
    clients = set()

    def on_open(self, info):
        self.clients.add(self)

    def on_message(self, msg):
        self.broadcast(self.clients, msg)

    def on_close(self):
        self.clients.remove(self)


class AmplifyConnection(SockJSConnection):
    def on_message(self, msg):
        n = int(msg)
        if n < 0 or n > 19:
            n = 1

        self.send("x" * int(math.pow(2, n)))


class CookieEcho(SockJSConnection):
    def on_message(self, msg):
        self.send(msg)


EchoRouter = SockJSRouter(
    EchoConnection, "/echo", user_settings={"response_limit": 4096}
)
WSOffRouter = SockJSRouter(
    EchoConnection,
    "/disabled_websocket_echo",
    user_settings={"disabled_transports": ["websocket"]},
)
CloseRouter = SockJSRouter(CloseConnection, "/close")
TickerRouter = SockJSRouter(TickerConnection, "/ticker")
AmplifyRouter = SockJSRouter(AmplifyConnection, "/amplify")
BroadcastRouter = SockJSRouter(BroadcastConnection, "/broadcast")
CookieRouter = SockJSRouter(CookieEcho, "/cookie_needed_echo")
urls = []
for router in (
    EchoRouter,
    WSOffRouter,
    CloseRouter,
    TickerRouter,
    AmplifyRouter,
    BroadcastRouter,
    CookieRouter,
):
    router.apply_routes(urls)

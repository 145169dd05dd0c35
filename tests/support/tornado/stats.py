"""Statistics of one router, told by another."""

import json

from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado import ioloop


class BroadcastConnection(SockJSConnection):
    clients = set()

    def on_open(self, info):
        self.clients.add(self)

    def on_message(self, msg):
        self.broadcast(self.clients, msg)

    def on_close(self):
        self.clients.remove(self)


class StatsConnection(SockJSConnection):
    def on_open(self, info):
        self.loop = ioloop.PeriodicCallback(self._send_stats, 1000)
        self.loop.start()

    def on_message(self, msg):
        pass

    def on_close(self):
        self.loop.stop()

    def _send_stats(self):
        data = BroadcastRouter.stats.dump()
        self.send(json.dumps(data))


BroadcastRouter = SockJSRouter(BroadcastConnection, "/broadcast")
StatsRouter = SockJSRouter(StatsConnection, "/statsconn")
urls = BroadcastRouter.urls + StatsRouter.urls

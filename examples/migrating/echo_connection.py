from twisted.internet import endpoints, reactor

from txsockjs.connection import SockJSApplication, SockJSConnection, SockJSRouter


class EchoConnection(SockJSConnection):
    def on_message(self, message):
        self.send(message)


router = SockJSRouter(EchoConnection, "/echo")
endpoints.serverFromString(reactor, "tcp:9999").listen(SockJSApplication(router.urls))
reactor.run()

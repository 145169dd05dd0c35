from twisted.internet import defer, endpoints, reactor, task

from txsockjs.connection import SockJSApplication, SockJSConnection, SockJSRouter


class EchoConnection(SockJSConnection):
    def on_message(self, message: str) -> None:
        self.send(message)


router = SockJSRouter(EchoConnection, "/echo")
endpoints.serverFromString(reactor, "tcp:9999").listen(SockJSApplication(router.urls))
task.react(lambda reactor: defer.Deferred())

"""A floor: Autobahn's own WebSocket echo, without SockJS."""

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

from benchmarks.servers.twisted_serving import serve


class Echo(WebSocketServerProtocol):
    """Sends back what it gets."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload, isBinary)


if __name__ == "__main__":
    factory = WebSocketServerFactory()
    factory.protocol = Echo
    serve(factory)

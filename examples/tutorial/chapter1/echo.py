"""Says back what it is told."""

from txsockjs import SockJSProtocol


class Echo(SockJSProtocol):
    def messageReceived(self, message: str) -> None:
        self.transport.sendMessage(message)

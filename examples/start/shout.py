"""Says everything louder."""

from txsockjs import SockJSProtocol


class Shout(SockJSProtocol):
    def messageReceived(self, message: str) -> None:
        self.transport.sendMessage(message.upper())

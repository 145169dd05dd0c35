"""A chat: what one says, all read."""

from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from txsockjs import SessionTransport, SockJSProtocol, broadcast


class Chat(SockJSProtocol[str]):
    def connectionMade(self) -> None:
        self.factory.present.add(self.transport)
        self.tell(f"* {self.avatar} comes")

    def messageReceived(self, message: str) -> None:
        self.tell(f"{self.avatar}: {message}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.present.remove(self.transport)
        self.tell(f"* {self.avatar} goes")

    def tell(self, text: str) -> None:
        broadcast(text, self.factory.present)


class ChatFactory(Factory[Chat]):
    protocol = Chat

    def __init__(self) -> None:
        self.present: set[SessionTransport[str]] = set()

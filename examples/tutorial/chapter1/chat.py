"""A chat: what one says, all read."""

from itertools import count

from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from txsockjs import SessionTransport, SockJSProtocol, broadcast


class Chat(SockJSProtocol):
    def connectionMade(self) -> None:
        self.name = f"guest {next(self.factory.numbers)}"
        self.factory.present.add(self.transport)
        self.tell(f"* {self.name} comes")

    def messageReceived(self, message: str) -> None:
        self.tell(f"{self.name}: {message}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.present.remove(self.transport)
        self.tell(f"* {self.name} goes")

    def tell(self, text: str) -> None:
        broadcast(text, self.factory.present)


class ChatFactory(Factory[Chat]):
    protocol = Chat

    def __init__(self) -> None:
        self.numbers = count(1)
        self.present: set[SessionTransport] = set()

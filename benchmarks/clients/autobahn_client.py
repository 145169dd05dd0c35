"""Autobahn's client on Twisted, without SockJS: on a raw WebSocket."""

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint

from benchmarks.clients.echoing import Conversation, Load
from benchmarks.clients.twisted_driving import drive


class Session(WebSocketClientProtocol):
    """One connection."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self.conversation = conversation

    def onOpen(self) -> None:
        for text in self.conversation.opened():
            self.sendMessage(text.encode())

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        for text in self.conversation.received(payload.decode()):
            self.sendMessage(text.encode())

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.conversation.lost(f"{code} {reason}")


def main() -> None:
    """Drive the connections."""
    load = Load()
    factory = WebSocketClientFactory(
        f"ws://127.0.0.1:{load.port}{load.service}/websocket"
    )
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", load.port)

    def connect(conversation: Conversation) -> None:
        # A connection takes its factory's protocol when it is made.
        waiting.append(conversation)
        endpoint.connect(factory).addErrback(
            lambda reason: conversation.lost(reason.value)
        )

    waiting: list[Conversation] = []
    factory.protocol = lambda: Session(waiting.pop())
    drive(load, connect)


if __name__ == "__main__":
    main()

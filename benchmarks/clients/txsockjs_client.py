"""Ours: a session of SockJS, with frames of SockJS both ways."""

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from benchmarks.clients.echoing import Conversation, Load
from benchmarks.clients.twisted_driving import drive
from txsockjs.client import SockJSClientEndpoint
from txsockjs.interfaces import ISockJSMessageReceiver


@implementer(ISockJSMessageReceiver)
class Session(Protocol):
    """One session."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation

    def connectionMade(self) -> None:
        for text in self.conversation.opened():
            self.transport.sendMessage(text)

    def messageReceived(self, message: str) -> None:
        for text in self.conversation.received(message):
            self.transport.sendMessage(text)

    def connectionLost(self, reason: Failure) -> None:
        self.conversation.lost(reason.value)


def main() -> None:
    """Drive the sessions."""
    load = Load()
    endpoint = SockJSClientEndpoint(
        reactor,
        f"http://127.0.0.1:{load.port}{load.service}",
        transports=["websocket"],
        proxy=False,
        # A machine that is busy is no reason to give up.
        attempt_timeout=20,
        info_timeout=20,
    )

    def connect(conversation: Conversation) -> None:
        factory = Factory.forProtocol(lambda: Session(conversation))
        factory.noisy = False
        endpoint.connect(factory).addErrback(
            lambda reason: conversation.lost(reason.value)
        )

    drive(load, connect)


if __name__ == "__main__":
    main()

"""
Talks with multiplex.py over one session, and comes back when that is lost:

    python multiplex.py
    python client.py http://127.0.0.1:8080/multiplex

It says hello in the chat each time that it gets there, and asks the echo every second.
"""

import sys
from random import uniform
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet import defer, task
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txsockjs.client import (
    MultiplexClientFactory,
    SockJSClientEndpoint,
    SockJSClientProtocol,
)


class Chat(SockJSClientProtocol):
    def connectionMade(self) -> None:
        self.transport.write(b"client: hello")

    def dataReceived(self, data: bytes) -> None:
        print("chat:", data.decode(), flush=True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        print("chat closed:", reason.getErrorMessage(), flush=True)


class Clock(SockJSClientProtocol):
    count = 0

    def connectionMade(self) -> None:
        self.asking = task.LoopingCall(self.ask)
        self.asking.start(1)

    def ask(self) -> None:
        self.count += 1
        self.transport.write(b"%d" % self.count)

    def dataReceived(self, data: bytes) -> None:
        print("echo:", data.decode(), flush=True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.asking.stop()


async def main(reactor: Any, url: str = "http://127.0.0.1:8080/multiplex") -> None:
    channels = MultiplexClientFactory(reactor)
    channels.addFactory("chat", Chat)
    channels.addFactory("echo", Clock)
    service = ClientService(
        SockJSClientEndpoint(reactor, url),
        channels,
        # Not all clients are to come back in the same moment.
        retryPolicy=backoffPolicy(0.5, 30.0, 2.0, jitter=lambda: uniform(0, 0.5)),
    )
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

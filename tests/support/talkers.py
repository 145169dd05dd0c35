"""The two applications at the ends of a session, which do in a call what they are told
to: `Talker`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.interfaces import ISockJSMessageReceiver


@implementer(ISockJSMessageReceiver)
class Talker(Protocol):
    """
    The application, the same at both ends.

    :ivar heard: the messages that came in.
    :ivar said: those that went out.
    :ivar lost: why it has ended, each time that it was told.
    :ivar done: what it did itself to end the session: closed or dropped it.
    :ivar deeds: what it does when it hears the next messages, from inside that call.
    :ivar ending: called with what it does itself to end the session.
    """

    transport: Any = None
    #: What it says at once.
    greeting = ""
    #: With what it has closed.
    end = (0, "")

    def __init__(self) -> None:
        self.deeds: list[str] = []
        self.ending: Callable[[Talker, str], None] = lambda talker, how: None
        self.made = 0
        self.heard: list[str] = []
        self.said: list[str] = []
        self.lost: list[Failure] = []
        self.done = ""
        self.paused = False

    def connectionMade(self) -> None:
        self.made += 1
        if self.greeting:
            self.say(self.greeting)

    def messageReceived(self, message: str) -> None:
        assert self.made == 1
        assert not self.lost, "a message behind the end"
        assert not self.done, "a message behind its own end"
        assert not self.paused, "a message while it has paused"
        self.heard.append(message)
        if self.deeds:
            self._do(self.deeds.pop(0))

    def _do(self, deed: str) -> None:
        if deed == "say":
            self.say("because")
            self.say("x" * 3000)
        elif deed == "close":
            self.close(4001, "heard enough")
        elif deed == "drop":
            self.drop()
        elif deed:
            self.pause(True)
            if deed == "blink":
                self.pause(False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)

    @property
    def live(self) -> bool:
        return not self.lost and not self.done

    def say(self, text: str) -> None:
        """
        Send a message.
        """
        if self.live:
            self.said.append(text)
            self.transport.sendMessage(text)

    def pause(self, paused: bool) -> None:
        """
        Read or not.
        """
        if self.live:
            self.paused = paused
            how = self.transport
            (how.pauseProducing if paused else how.resumeProducing)()

    def close(self, code: int, reason: str) -> None:
        """
        End the session in good order.
        """
        if self.live:
            self.done = "closed"
            self.ending(self, "closed")
            self.end = (code, reason)
            self.transport.loseConnection(code, reason)

    def drop(self) -> None:
        """
        End it at once.
        """
        if self.live:
            self.done = "dropped"
            self.ending(self, "dropped")
            self.transport.abortConnection()


class Talkers(Factory):
    """
    Makes them. The server's say who they are.
    """

    noisy = False

    def __init__(self, server: bool = False, greeting: bool = False) -> None:
        self.made: list[Talker] = []
        self.greeting = greeting
        self._server = server

    def buildProtocol(self, addr: object) -> Talker:
        talker = Talker()
        self.made.append(talker)
        if self._server:
            talker.greeting = str(len(self.made) - 1)
        elif self.greeting:
            talker.greeting = "hello"
        return talker


class Pair:
    """
    One session.

    :ivar name: of its transport.
    :ivar spoiled: whether it may be lost: something broke, or has stood for too long.
    :ivar error: why it was not opened.
    :ivar closed: who has closed it first.
    """

    server: Talker | None = None

    def __init__(self, name: str, servers: Talkers, spoiled: bool) -> None:
        self.name = name
        self.spoiled = spoiled
        self.error: Failure | None = None
        self.client: Talker | None = None
        self.closed: Talker | None = None
        self._servers = servers

    def opened(self, client: Any) -> None:
        self.client = client

    def failed(self, failure: Failure) -> None:
        self.error = failure

    def look(self) -> None:
        """
        Find who is at the other end.
        """
        client = self.client
        if self.server is None and client is not None and client.heard:
            self.server = self._servers.made[int(client.heard[0])]
            for talker in client, self.server:
                if talker.done:
                    self.ended(talker, talker.done)
                talker.ending = self.ended

    def ended(self, talker: Talker, how: str) -> None:
        """
        One side ends it.
        """
        if how == "dropped":
            self.spoiled = True
        elif self.closed is None:
            self.closed = talker

    @property
    def sides(self) -> dict[str, Talker | None]:
        return {"client": self.client, "server": self.server}

    @property
    def live(self) -> bool:
        """
        Whether nobody has ended it.
        """
        return all(side is not None and side.live for side in self.sides.values())

    @property
    def going(self) -> bool:
        """
        Whether it is being opened, or lives.
        """
        return self.live or (self.error is None and self.client is None)

    @property
    def standing(self) -> bool:
        """
        Whether one side does not read.
        """
        return any(side is not None and side.paused for side in self.sides.values())

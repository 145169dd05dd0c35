"""What must hold for our client with any server that echoes: `EchoCase`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twisted.internet import defer, protocol, reactor
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from txsockjs.client import SockJSClientEndpoint
from txsockjs.errors import SessionClosed
from txsockjs.interfaces import ISockJSMessageReceiver

#: Texts that do not go through by themselves.
AWKWARD: Final = (
    "",
    " ",
    "null",
    '"quoted" \\ and / escaped',
    "\n\r\t\b\f",
    "\x00\x01\x7f\x80\x9f",
    "\u200c\u2028\u2029\u206f\ufff0\ufffe",
    "é ☃ 😀 שלום",
    "100% %25 &amp; +",
    "</script><!-- ]]>",
    "a" * 5000,
)


@implementer(ISockJSMessageReceiver)
class Talk(protocol.Protocol):
    """
    A client's protocol that keeps what it hears, and that a test waits for.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.lost: list[Failure] = []
        self.over: defer.Deferred[None] = defer.Deferred()
        self._wanted = 0
        self._waiting: defer.Deferred[None] | None = None

    def messageReceived(self, message: str) -> None:
        self.heard.append(message)
        self._look()

    def until(self, count: int) -> defer.Deferred[None]:
        """
        What fires when it has heard so many messages, or has heard the end.
        """
        self._wanted, self._waiting = count, defer.Deferred()
        waiting = self._waiting
        self._look()
        return waiting

    def _look(self) -> None:
        if len(self.heard) >= self._wanted or self.lost:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                waiting.callback(None)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.lost.append(reason)
        self._look()
        self.over.callback(None)


class TalkFactory(protocol.Factory):
    """
    Makes them.

    :ivar stopped: fires when all that they have is closed.
    """

    noisy = False
    protocol = Talk

    def __init__(self) -> None:
        self.stopped: defer.Deferred[None] = defer.Deferred()

    def stopFactory(self) -> None:
        self.stopped.callback(None)


class EchoCase(TestCase):
    """
    A server, and sessions of ours with it.

    :cvar settings: those of each session.
    """

    timeout = 60
    settings: dict[str, Any] = {}

    async def talk(self, url: str, transport: str, **settings: Any) -> Talk:
        """
        Open a session; it is over, and its connections are closed, when the test ends.
        """
        how: dict[str, Any] = {"raw": True} if transport == "raw" else {}
        if not how:
            how["transports"] = transport
        endpoint = SockJSClientEndpoint(
            reactor, url, **{**self.settings, **how, **settings}
        )
        factory = TalkFactory()
        talk: Any = await endpoint.connect(factory)

        def leave() -> defer.Deferred[None]:
            talk.transport.abortConnection()
            return factory.stopped

        self.addCleanup(leave)
        self.assertEqual(
            talk.transport.transportName,
            "rawwebsocket" if transport == "raw" else transport,
        )
        found: Talk = talk
        return found

    async def assertEchoes(
        self, url: str, transport: str, texts: Sequence[str] = AWKWARD
    ) -> None:
        """
        Whatever is sent comes back whole, once, and in order: one after the other, at
        once, and large; and then the session ends in good order.

        :param texts: what is sent first.
        """
        talk = await self.talk(url, transport)
        sent: list[str] = []
        for text in texts:
            sent.append(text)
            talk.transport.sendMessage(text)
            await talk.until(len(sent))
        for number in range(1000):
            sent.append(f"{number} é" + "x" * (number % 100))
            talk.transport.sendMessage(sent[-1])
        await talk.until(len(sent))
        sent.append("y" * 2**18)
        talk.transport.sendMessage(sent[-1])
        await talk.until(len(sent))
        self.assertEqual(talk.lost, [])
        self.assertEqual(talk.heard, sent)
        talk.transport.loseConnection()
        await talk.over
        [reason] = talk.lost
        self.assertIsInstance(reason.value, ConnectionDone, reason)

    async def assertClosed(
        self, talk: Talk, code: int, reason: str, heard: list[str]
    ) -> None:
        """
        The server closes with this code and reason, behind these messages.
        """
        await talk.over
        [lost] = talk.lost
        self.assertIsInstance(lost.value, SessionClosed, lost)
        self.assertEqual((lost.value.code, lost.value.reason), (code, reason))
        self.assertEqual(talk.heard, heard)

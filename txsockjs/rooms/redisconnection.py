"""Connections to a Redis: txredisapi's protocols, and how they are made ready.

What is used of txredisapi is its reading and writing of the protocol. Its factories are
not: they reconnect by the global reactor and a clock of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import txredisapi
from twisted.internet.defer import Deferred, FirstError, fail, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.redisurl import Login

#: How many bytes may come of one answer. Ours are pages of a history of about 1 MiB,
#: with one message beyond, and the members of one room.
MOST_REPLY: Final = 64 * 1024 * 1024

#: How a reply begins that a new connection may not get: this Redis was the master and
#: is no longer, does not reach its own, or has dropped the scripts.
_ELSEWHERE: Final = ("READONLY", "MASTERDOWN", "NOSCRIPT")


if TYPE_CHECKING:
    # txredisapi has no types.
    class _RedisProtocol(Protocol):
        callLater: Any

        def __init__(self, *args: Any, **kw: Any) -> None: ...
        def dataReceived(self, data: bytes, unpause: bool = False) -> None: ...
        def replyReceived(self, reply: Any) -> None: ...
        def execute_command(self, *command: Any) -> Deferred[Any]: ...
        def whenConnected(self) -> Deferred[object]: ...
        def whenDisconnected(self) -> Deferred[object]: ...

    class _SubscriberProtocol(_RedisProtocol):
        def messageReceived(
            self, pattern: object, channel: Any, message: Any
        ) -> None: ...

else:
    _RedisProtocol = txredisapi.RedisProtocol
    _SubscriberProtocol = txredisapi.SubscriberProtocol


class Connection(_RedisProtocol):
    """
    What the two kinds of connections have in common.

    :ivar ended: fires when the connection is lost, with the reason as text.
    """

    factory: Any
    transport: Any

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.ended: Deferred[str] = Deferred()
        self._unanswered = 0
        self._asked = False

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        # Without hiredis, what is left of it comes once more, a turn later.
        if not unpause:
            self._unanswered += len(data)
        super().dataReceived(data, unpause)
        if self._unanswered > MOST_REPLY:
            self.factory.problem = f"an answer has more than {MOST_REPLY} bytes"
            self.transport.abortConnection()

    def replyReceived(self, reply: Any) -> None:
        self._unanswered = 0
        super().replyReceived(reply)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        factory = self.factory
        factory.problem = factory.problem or reason.getErrorMessage()
        super().connectionLost(reason)
        self.ended.callback(factory.problem)

    def ready(self) -> Deferred[Any]:
        """
        Wait until it is logged in.

        :return: what fires with this, or fails where that did not work.
        """
        ready: Deferred[Any] = Deferred()

        def lost(_: object) -> None:
            if not ready.called:
                problem = self.factory.problem or "the connection was lost"
                ready.errback(BrokerUnavailable(problem))

        def made(connection: object) -> None:
            if not ready.called:
                ready.callback(connection)

        self.whenConnected().addCallback(made)
        self.whenDisconnected().addCallback(lost)
        return ready

    def ask(self, *command: Any) -> Deferred[Any]:
        """
        Send a command.

        :return: what fires with the reply, or fails with `BrokerUnavailable`.
        """
        if not self.connected:
            return fail(BrokerUnavailable("the connection to Redis was lost"))
        return self.execute_command(*command).addErrback(self._refused)

    def _refused(self, failure: Failure) -> None:
        error = failure.value
        text = " ".join(str(error).split())
        if isinstance(error, txredisapi.ResponseError):
            if text.startswith(_ELSEWHERE):
                self.factory.problem = text
                self.transport.abortConnection()
            raise BrokerUnavailable(f"Redis refuses: {text[:200]}")
        if isinstance(error, txredisapi.RedisError):
            why = self.factory.problem
            raise BrokerUnavailable(
                f"the connection was lost before Redis had answered: {why}",
                uncertain=True,
            )
        failure.raiseException()

    def beat(self) -> bool:
        """
        Ask for a sign of life. Replies come in the order of what was asked, so all that
        was asked before is answered with it.

        :return: whether the last one was answered.
        """
        if self._asked:
            return False
        self._asked = True
        self.ask("PING").addBoth(self._beaten)
        return True

    def _beaten(self, result: object) -> None:
        self._asked = False


class Asking(Connection):
    """
    A connection for commands.
    """


class Hearing(Connection, _SubscriberProtocol):
    """
    A connection for subscriptions. Channels are subscribed to one by one: txredisapi
    takes the confirmation of a second one in a command for the reply to the next.

    :ivar heard: called with the channel and what was published there.
    """

    heard: Callable[[bytes, bytes], object]

    def messageReceived(self, pattern: object, channel: Any, message: Any) -> None:
        if isinstance(channel, bytes) and isinstance(message, bytes):
            self.heard(channel, message)


class ConnectionFactory(Factory):
    """
    Makes one connection.

    :ivar problem: why it could not be made ready, as far as that is known.
    """

    noisy = False
    # What txredisapi asks of a factory of its own.
    isLazy = False

    def __init__(
        self,
        kind: type[Connection],
        clock: IReactorTime,
        login: Login,
        database: int | None,
        opened: Callable[[Connection], object],
    ) -> None:
        """
        :param database: the number of the database to use; None for the one that is
            used without asking.
        :param opened: called with the connection.
        """
        self.kind = kind
        self.clock = clock
        self.login = login
        self.database = database
        self.opened = opened
        self.problem: str = ""

    def buildProtocol(self, addr: object) -> Connection:
        connection = self.kind(
            charset=None,
            convertNumbers=False,
            username=self.login.user,
            password=self.login.password,
            dbid=self.database,
        )
        connection.factory = self
        # In place of the global reactor's.
        connection.callLater = self.clock.callLater
        self.opened(connection)
        return connection

    def stopTrying(self) -> None:
        """
        The log-in has failed; txredisapi would have its factory give up.
        """

    def connectionError(self, why: str) -> None:
        """
        The log-in has failed.
        """
        self.problem = self.problem or why


def together(deferreds: Iterable[Deferred[Any]]) -> Deferred[list[Any]]:
    """
    Wait for all of them. Where one fails, it fails at once, as that one does.
    """
    results = gatherResults(list(deferreds), consumeErrors=True)
    return results.addErrback(_first)


def _first(failure: Failure) -> Failure:
    error = failure.value
    return error.subFailure if isinstance(error, FirstError) else failure

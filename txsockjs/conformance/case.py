"""
What every check of the suite is built on: a target, sessions, and assertions in the
protocol's words.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest, TestCase
from uuid import uuid4

from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.task import deferLater

from txsockjs.conformance.client import ByteStream, Reply, Target
from txsockjs.conformance.services import Services
from txsockjs.conformance.wire import PRELUDE_END, SENDING, TRANSPORTS, framed

T = TypeVar("T")

NEVER_CACHED = "no-store, no-cache, no-transform, must-revalidate, max-age=0"
CACHED_FOR_A_YEAR = "public, max-age=31536000"


class each:
    """
    Turn one check's method into a check per row, each with a name of its own.

    :param rows: a label for each row, with the tuple of arguments for the method or,
        where that is not a tuple, its only argument.
    :ivar names: the names of the checks, in the order of the rows.
    """

    def __init__(self, *labels: str, **rows: Any) -> None:
        self._rows = {**{label: label for label in labels}, **rows}

    def __call__(self, method: Callable[..., Any]) -> each:
        self._method = method
        return self

    def __set_name__(self, owner: type, name: str) -> None:
        self.names: list[str] = [f"{name}_{label}" for label in self._rows]
        for own, row in zip(self.names, self._rows.values(), strict=True):
            arguments = row if isinstance(row, tuple) else (row,)
            setattr(owner, own, self._test(arguments))

    def _test(self, arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
        def test(case: Any) -> Any:
            return self._method(case, *arguments)

        test.__doc__ = self._method.__doc__
        return test


class Session:
    """
    One session's URLs, used as a browser uses them.

    :ivar path: the session's URL without the transport.
    """

    def __init__(self, case: Case, path: str) -> None:
        self._case = case
        self.path = path

    def ask(
        self,
        transport: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Coroutine[Any, Any, Reply]:
        """
        The response of a transport, as soon as its headers are here.
        """
        row = TRANSPORTS[transport]
        path = f"{self.path}/{transport}{row.query}"
        return self._case.request(row.method, path, headers, body)

    async def fetch(
        self,
        transport: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """
        The whole response of a transport.
        """
        reply = await self.ask(transport, headers, body)
        reply.body = await reply.stream.readAll()
        return reply

    async def poll(self, transport: str = "xhr") -> bytes:
        """
        The body of one polling response.
        """
        return (await self.fetch(transport)).body

    async def open(self, transport: str = "xhr") -> None:
        """
        Poll for the first time: the session must open.
        """
        self._case.assertEqual(await self.poll(transport), framed(transport, "o"))

    async def stream(self, transport: str) -> ByteStream:
        """
        A streaming response, read past its prelude.
        """
        reply = await self.ask(transport)
        await reply.stream.readThrough(PRELUDE_END[transport])
        return reply.stream

    async def openStream(self, transport: str) -> ByteStream:
        """
        The first streaming response, read past its prelude: the session must open.
        """
        stream = await self.stream(transport)
        await self._case.assertReceives(stream, framed(transport, "o"))
        return stream

    async def send(self, *messages: str) -> None:
        """
        Send messages by ``xhr_send``, which must take them.
        """
        reply = await self.fetch("xhr_send", body=json.dumps(messages).encode())
        self._case.assertEqual(reply.status, 204)


class Case(TestCase):
    """
    A group of checks: methods whose names begin with ``test``, coroutines all of them.
    An object makes one check, `perform`ed once. It has the assertions of ``unittest``,
    and nothing else of it: whoever has a reactor can run it.

    :cvar service: the role of the service that `at` and `session` mean.
    :cvar slow: whether the group waits for time-outs of the server.
    :cvar timeout: seconds that a check may take.
    :cvar silence: seconds that the server may be silent, where that is longer than it
        may otherwise.
    """

    service: ClassVar[str] = "echo"
    slow: ClassVar[bool] = False
    timeout: ClassVar[float] = 30.0
    silence: ClassVar[float] = 0.0

    def __init__(self, target: Target, services: Services) -> None:
        super().__init__()
        self.target = target
        self.services = services
        self.patience: float = max(target.patience, self.silence)
        self._endings: list[Callable[[], Any]] = []

    async def perform(self, name: str) -> None:
        """
        Make a check, and end all that it has begun.

        :param name: its method.
        :raise SkipTest: the server offers nothing to see it by.
        :raise AssertionError: the server does not keep the clause.
        """
        made = Deferred.fromCoroutine(getattr(self, name)())
        # A check that goes from one wait to the next would never end.
        seconds = max(self.timeout, 6 * self.target.patience)
        made.addTimeout(seconds, self.target.clock)
        problem: Exception | None = None
        try:
            await made
        except TimeoutError:
            problem = AssertionError(f"no end of it within {seconds:g} seconds")
        except Exception as error:
            problem = error
        while self._endings:
            try:
                await maybeDeferred(self._endings.pop())
            except Exception as error:
                problem = problem or error
        if problem is not None:
            raise problem

    def atEnd(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """
        Call a function when the check is over, and wait for what it returns. The last
        that was given is called first.
        """
        self._endings.append(lambda: function(*args, **kwargs))

    def at(self, role: str | None = None) -> str:
        """
        The path of a service.

        :param role: which one; `service` if not given.
        :raise SkipTest: the server has none of that kind.
        """
        role = role or self.service
        if role not in self.services.paths:
            raise SkipTest(self.services.missing[role])
        return self.services.paths[role]

    @property
    def limit(self) -> int:
        """
        The bytes after which a streaming response ends.

        :raise SkipTest: that is not known.
        """
        if self.services.limit is None:
            raise SkipTest("the limit of a response is not known (--streaming-limit N)")
        return self.services.limit

    async def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """
        The response, as soon as its headers are here.
        """
        reply = await self.target.request(method, path, headers, body, self.patience)
        self.atEnd(reply.stream.stop)
        return reply

    async def fetch(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """
        The whole response.
        """
        reply = await self.request(method, path, headers, body)
        reply.body = await reply.stream.readAll()
        return reply

    async def connect(self) -> ByteStream:
        """
        A raw connection to the target.
        """
        stream = await self.target.connect()
        self.atEnd(stream.stop, abort=True)
        return stream

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """
        Begin something whose end the test comes back for, or gives up on.
        """
        started = Deferred.fromCoroutine(coroutine)
        self.atEnd(self._giveUp, started)
        return started

    def _giveUp(self, started: Deferred[Any]) -> None:
        if not started.called:
            started.addErrback(lambda failure: None)
            started.cancel()

    def session(self, service: str | None = None) -> Session:
        """
        A session that does not exist yet.

        :param service: the role of its service; `service` if not given.
        """
        return Session(self, f"{self.at(service)}/000/{uuid4().hex}")

    async def eventually(
        self, ask: Callable[[], Awaitable[T]], settled: Callable[[T], bool]
    ) -> T:
        """
        Ask again, each time after twice as long, until the answer is settled.
        """
        pause = 0.01
        while not settled(answer := await ask()):
            await deferLater(self.target.clock, pause)
            pause *= 2
        return answer

    async def answerOf(
        self, transport: str, headers: dict[str, str], service: str | None = None
    ) -> Reply:
        """
        The successful response of a transport in a new session, sent to if it is for
        sending; a streaming one goes on.
        """
        session = self.session(service)
        body = None
        if transport in SENDING:
            await session.open()
            body = b'["x"]'
        reply = await session.ask(transport, headers, body)
        self.assertIn(reply.status, (200, 204))
        return reply

    async def assertReceives(self, stream: ByteStream, expected: bytes) -> None:
        """
        The next bytes are exactly these.
        """
        self.assertEqual(await stream.read(len(expected)), expected)

    async def assertEnds(self, stream: ByteStream) -> None:
        """
        The response or connection ends with no further byte.
        """
        self.assertEqual(await stream.readAll(), b"")

    def assertNotCached(self, reply: Reply) -> None:
        """
        No cache on the way may keep the response.
        """
        self.assertEqual(reply.header("Cache-Control"), NEVER_CACHED)
        self.assertIsNone(reply.header("Expires"))
        self.assertIsNone(reply.header("Last-Modified"))

    def assertCached(self, reply: Reply) -> None:
        """
        Caches may keep the response for a year.
        """
        self.assertEqual(reply.header("Cache-Control"), CACHED_FOR_A_YEAR)
        expires = parsedate_to_datetime(reply.header("Expires") or "")
        ahead = expires - datetime.now(UTC)
        self.assertTrue(timedelta(days=364) < ahead < timedelta(days=367), ahead)
        self.assertIsNone(reply.header("Last-Modified"))

    def assertCORS(self, reply: Reply, origin: str | None) -> None:
        """
        The origin may read the response, with credentials if it named itself.
        """
        allowed = reply.header("Access-Control-Allow-Origin")
        credentials = reply.header("Access-Control-Allow-Credentials")
        expected = ("*", None) if origin is None else (origin, "true")
        self.assertEqual((allowed, credentials), expected)

    def assertNotAllowed(self, reply: Reply, right: str, wrong: str) -> None:
        """
        405, naming the right method and not the wrong one, and nothing else.
        """
        allowed = (reply.header("Allow") or "").split(", ")
        self.assertEqual((reply.status, reply.body), (405, b""))
        self.assertIsNone(reply.header("Content-Type"))
        self.assertIn(right, allowed)
        self.assertNotIn(wrong, allowed)

"""What ``docs/applications.rst`` shows works, and what it lists is all there is."""

from __future__ import annotations

from typing import Any
from unittest import TestLoader, TestResult

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import literals, rows
from tests.support.examples import ExampleTestCase, Session, opened
from tests.support.programs.speaking import EchoBoth
from txsockjs.factory import SockJSFactory, SockJSMultiFactory
from txsockjs.interfaces import ISockJSTransport
from txsockjs.request import OpeningRequest
from txsockjs.transport import SessionTransport

DOCUMENT = "docs/applications.rst"


def firstColumn(heading: str) -> list[str]:
    """
    The literals of a table's first column, without what is behind a parenthesis.
    """
    return [
        literal.partition("(")[0]
        for row in rows(DOCUMENT, heading)
        for literal in literals(row[0])
    ]


class TableTests(SynchronousTestCase):
    """
    The tables of what there is.
    """

    def test_transport(self) -> None:
        """
        Each member of the transport's interface is listed, and each member that is
        listed is there.
        """
        listed = set(firstColumn("Member"))
        self.assertLessEqual(set(ISockJSTransport), listed)
        self.assertLessEqual(
            listed - {"getPeerCertificate"}, set(dir(SessionTransport))
        )

    def test_request(self) -> None:
        """
        Each attribute of the opening request is listed, and no other.
        """
        public = {name for name in dir(OpeningRequest) if not name.startswith("_")}
        self.assertEqual(set(firstColumn("Attribute")), public)


class ExampleTests(ExampleTestCase):
    """
    The blocks of Python, each with a session of its own.
    """

    document = DOCUMENT

    async def talk(self, protocol: str, query: str = "", **attributes: Any) -> Session:
        """
        A session with one of the protocols that the blocks have defined.

        :param attributes: what its factory has.
        """
        factory = Factory.forProtocol(self.space[protocol])
        vars(factory).update(attributes)
        await serverFromString(reactor, "tcp:1").listen(SockJSFactory(factory))
        return await opened(self.url(1), query)

    def test_complete(self) -> None:
        """
        No block is left out here.
        """
        self.assertAllTested()

    async def test_greeter(self) -> None:
        """
        It greets the client by its address, and echoes.
        """
        self.run_("greeter")
        session = await self.talk("Greeter")
        self.assertEqual(await session.receive(), 'a["Hello, 127.0.0.1!"]')
        self.assertEqual(await session.ask("x"), 'a["x"]')

    async def test_text(self) -> None:
        """
        It counts characters, and not bytes.
        """
        self.run_("greeter", "text")
        session = await self.talk("Counter")
        self.assertEqual(await session.ask("\xfcber"), 'a["\xfcber: 4 characters"]')

    async def test_sessions(self) -> None:
        """
        All are told, and who comes from the address is turned out.
        """
        self.run_("sessions")
        site = SockJSMultiFactory()
        site.addFactory(Factory.forProtocol(EchoBoth), "chat")
        await serverFromString(reactor, "tcp:1").listen(site)
        session = await opened(self.url(1, "chat"))
        self.assertEqual(self.space["goodbye"](site, "192.0.2.1"), 1)
        self.assertEqual(await session.receive(), 'a["Somebody has to leave."]')
        self.space["goodbye"](site, "127.0.0.1")
        self.assertEqual(await session.receive(), 'a["Somebody has to leave."]')
        self.assertEqual(await session.receive(), 'c[4001,"Come back tomorrow"]')

    async def test_anybody(self) -> None:
        """
        A program with another library talks to it, in text and in bytes.
        """
        self.run_("greeter", "anybody")
        await serverFromString(reactor, "tcp:1").listen(
            SockJSFactory(Factory.forProtocol(EchoBoth))
        )
        url = self.url(1, "websocket").replace("http:", "ws:")
        for question in "anybody there?", b"\xff\0":
            answer = await deferToThread(self.space["ask"], url, question)
            self.assertEqual(answer, question)

    async def test_closing(self) -> None:
        """
        The door opens, and then shuts with its own code.
        """
        self.run_("greeter", "closing")
        session = await self.talk("Door")
        self.assertEqual(await session.ask("secret"), 'a["come in"]')
        self.assertEqual(await session.ask("guess"), 'c[4001,"wrong password"]')

    async def test_producer(self) -> None:
        """
        The countdown comes in order, and the close frame after it.
        """
        self.run_("greeter", "text", "producer")
        session = await self.talk("Launch")
        await session.send("12")
        frames = [await session.receive() for frame in range(13)]
        counted = [f'a["{number}"]' for number in range(12, 0, -1)]
        self.assertEqual(frames, [*counted, 'c[3000,"Go away!"]'])

    async def test_worker(self) -> None:
        """
        Work is done message by message, and while it is, the next one waits.
        """

        async def work(data: bytes) -> bytes:
            busy.append(data)
            await deferLater(reactor, 0)
            done, busy[:] = b" ".join(busy), []
            return done

        busy: list[bytes] = []
        self.run_("greeter", "worker")
        session = await self.talk("Worker", work=work)
        await session.send("1", "2", "3")
        heard = ""
        while not heard.endswith('"3"]'):
            heard += await session.receive()
        self.assertEqual(heard.replace("]a[", ","), 'a["1","2","3"]')

    async def test_request(self) -> None:
        """
        It finds the name in the query, and the language in a header.
        """
        self.run_("greeter", "request")
        session = await self.talk("Personal", "?name=Ann")
        self.assertEqual(await session.receive(), 'a["Hello, Ann! You speak none."]')

    async def test_authorize(self) -> None:
        """
        Who has the cookie is greeted by name, and nobody else is let in.
        """
        self.run_("greeter", "authorize")
        await serverFromString(reactor, "tcp:1").listen(self.space["site"])
        session = await opened(self.url(1), cookies={"token": "s3cret"})
        self.assertEqual(await session.receive(), 'a["Hello, Ann!"]')
        refused = await Session(self.url(1)).receive()
        self.assertEqual(refused, 'c[4403,"Log in first"]')

    def test_testing(self) -> None:
        """
        The example of a test passes.
        """
        self.run_("greeter", "closing", "testing")
        result = TestResult()
        TestLoader().loadTestsFromTestCase(self.space["DoorTests"]).run(result)
        self.assertEqual((result.testsRun, result.wasSuccessful()), (2, True))

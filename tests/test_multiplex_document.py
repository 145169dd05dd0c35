"""What ``docs/multiplex.rst`` shows works."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.examples import ExampleTestCase, Session, opened

DOCUMENT = "docs/multiplex.rst"


class ExampleTests(ExampleTestCase):
    """
    The blocks of Python. The whole program has a test with the other examples.
    """

    document = DOCUMENT

    async def serve(self, service: Any) -> Session:
        """
        A session with a service.
        """
        self.addCleanup(service.stop)
        root = Resource()
        root.putChild(b"multiplex", service)
        await serverFromString(reactor, "tcp:1").listen(Site(root))
        return await opened(self.url(1, "multiplex"))

    async def test_topics(self) -> None:
        """
        Both topics are on one connection.
        """
        self.run_("topics")
        self.addCleanup(self.space["topics"].stop)
        session = await opened(self.url(8080, "multiplex"))
        self.assertEqual(await session.ask("sub,news"), 'a["msg,news,welcome"]')
        answer = await session.ask("sub,echo", "msg,echo,a,b")
        self.assertEqual(answer, 'a["msg,echo,a,b"]')

    async def test_rooms(self) -> None:
        """
        A room is made for whoever asks, and nothing else is.
        """
        self.run_("topics", "rooms")
        self.addCleanup(self.space["topics"].stop)
        session = await self.serve(self.space["Rooms"]())
        answer = await session.ask("sub,room-1", "msg,room-1,x")
        self.assertEqual(answer, 'a["msg,room-1,x"]')
        self.assertIn("err,hall,", await session.ask("sub,hall"))

    async def test_members(self) -> None:
        """
        Who is a member gets a channel, when that is known, and nobody else does.
        """
        self.run_("topics", "members")
        self.addCleanup(self.space["topics"].stop)
        service = self.space["Members"]()
        service.addFactory("club", Factory.forProtocol(Echo))
        service.addFactory("board", Factory.forProtocol(Echo))

        async def isMember(avatar: object, name: str) -> bool:
            await deferLater(reactor, 0)
            return name == "club"

        service.isMember = isMember
        session = await self.serve(service)
        answer = await session.ask("sub,club", "msg,club,x")
        self.assertEqual(answer, 'a["msg,club,x"]')
        answer = await session.ask("sub,board")
        self.assertEqual(
            answer, 'a["err,board,Members only","uns,board,4403,Members only"]'
        )

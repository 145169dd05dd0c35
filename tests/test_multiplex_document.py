"""What C{docs/multiplex.rst} shows works."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
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

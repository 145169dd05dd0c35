"""Takes the pictures of the status page and the demo, and the card of the site: ``make
shots``.

The card is what is shown of the site where somebody links to it; few programs that do
that take an SVG. Of the status page, a server with some life in it is watched for five
minutes, since that is what the graphs show.
"""

from __future__ import annotations

import argparse
import random
import shutil
from itertools import count
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, react
from twisted.protocols.wire import Echo

from tests.support.programs.node import runNode
from txsockjs import SockJSMultiFactory, demo
from txsockjs.client import SockJSClientEndpoint
from txsockjs.demo.broadcast import BroadcastFactory
from txsockjs.files import Beside
from txsockjs.rooms import Rooms
from txsockjs.status import statusSite

DOCS: Final = Path(__file__).parents[2] / "docs"

#: Sessions by service and transport.
CROWD: Final = {
    ("chat", "websocket"): 180,
    ("chat", "xhr-streaming"): 24,
    ("chat", "xhr-polling"): 9,
    ("quotes", "websocket"): 60,
    ("teams", "websocket"): 40,
}


class Silent(Protocol):
    """Says nothing by itself."""


class Team(Protocol):
    """In one of a few rooms."""

    factory: Any
    transport: Any

    def connectionMade(self) -> None:
        """It joins."""
        number = next(self.factory.numbers) % 6
        self.room = self.factory.rooms.room(f"team-{number}")
        self.room.join(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """It tells the others."""
        self.room.publish(data)


async def live(reactor: Any, url: str) -> list[Any]:
    """
    The sessions, each from an address of its own.
    """
    chance = random.Random(7)

    def come(name: str, transport: str) -> Deferred[Any]:
        peer = f"198.51.{chance.randrange(100, 120)}.{chance.randrange(1, 255)}"
        endpoint = SockJSClientEndpoint(
            reactor,
            f"{url}/{name}",
            headers={"X-Forwarded-For": peer},
            transports=[transport],
        )
        coming: Deferred[Any] = endpoint.connect(Factory.forProtocol(Silent))
        return coming

    sessions: list[Any] = []
    for (name, transport), crowd in CROWD.items():
        sessions += await gatherResults([come(name, transport) for _ in range(crowd)])
    return sessions


async def shootCard(reactor: Any, executable: str) -> None:
    """
    ``docs/_static/card.svg`` as pixels.
    """
    card = DOCS / "_static" / "card.svg"
    size = ("1200", "630")
    picture = str(card.with_suffix(".png"))
    await runNode(
        reactor,
        "shot.js",
        *(executable, card.as_uri(), picture),
        *(*size, "light", "svg", "0"),
    )


async def listen(reactor: Any, site: Factory) -> str:
    """
    Serve a site; where.
    """
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port = await endpoint.listen(site)
    return f"http://127.0.0.1:{port.getHost().port}"


async def shootDemo(reactor: Any, executable: str) -> None:
    """
    The demo, after its charts have filled, with something said in its chat.
    """
    site = SockJSMultiFactory()
    services = demo.factories(reactor)
    for name, factory in services.items():
        site.addFactory(factory, name)
    site.resource = Beside(site.resource, demo.pages())
    rooms: Any = services["rooms"]
    for text in (
        "ada: Are you on the train?",
        "grace: In a tunnel, now and then.",
        "ada: And what I said meanwhile?",
        "grace: All here, in order, once.",
    ):
        await rooms.rooms.room("demo").publish(text)
    await runNode(
        reactor,
        "shot.js",
        executable,
        await listen(reactor, site),
        str(DOCS / "demo.png"),
        *("1280", "1180", "light", "#trips .now", "60"),
    )


async def main(reactor: Any, seconds: float) -> None:
    """
    Serve, live, look, take the pictures.
    """
    site = SockJSMultiFactory()
    rooms = Rooms()
    options: dict[str, object] = {"max_buffer": 64 * 1024 * 1024}
    options |= {"proxy_header": "X-Forwarded-For", "origins": ["https://chat.example"]}
    site.addFactory(BroadcastFactory(), "chat", options)
    site.addFactory(Factory.forProtocol(Echo), "quotes", options)
    teams: Any = Factory.forProtocol(Team)
    teams.rooms, teams.numbers = rooms, count()
    site.addFactory(teams, "teams", options)
    url = await listen(reactor, site)
    page = await listen(reactor, statusSite(site.services.values(), rooms=[rooms]))
    sessions = await live(reactor, url)
    chance = random.Random(11)
    slow = sessions[-43:-40]

    def talk() -> None:
        if chance.random() < 0.3:
            sessions[-1 - chance.randrange(40)].transport.write(b"Standup in five.")
        for session in chance.sample(sessions[:200], chance.randrange(3)):
            session.transport.write(b'{"say": "Good morning, everybody!"}')
        if chance.random() < 0.1:
            stranger = SockJSClientEndpoint(
                reactor, f"{url}/chat", headers={"Origin": "https://elsewhere.example"}
            )
            gone: Any = stranger.connect(Factory.forProtocol(Silent))
            gone.addCallback(lambda protocol: protocol.transport.abortConnection())
            gone.addErrback(lambda failure: None)

    talking = LoopingCall(talk)
    talking.start(0.25)

    def dawdle() -> None:
        # They ask for much, and take nothing of it.
        for number, session in enumerate(slow):
            session.transport.pauseProducing()
            for _ in range(60 + 9 * number):
                session.transport.write(b"x" * 100_000)

    # Later they would be lost.
    reactor.callLater(max(0, seconds - 40), dawdle)
    executable = shutil.which("chromium") or "chromium"
    await shootCard(reactor, executable)
    await shootDemo(reactor, executable)
    await runNode(
        reactor,
        "shot.js",
        executable,
        page,
        str(DOCS / "status.png"),
        *("1280", "1180", "light", "#table td.peer + td:not(:empty)"),
        str(seconds),
    )
    talking.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="of the graphs")
    wanted = parser.parse_args().seconds
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, wanted)))

"""``twistd sockjs --rooms``: two processes, and a Redis."""

from __future__ import annotations

import json
from typing import Any

from tests.support.examples import Session, opened
from tests.support.programs.redis import Redis
from tests.support.programs.twistd import TERMINATED, Twistd, TwistdTestCase

SERVICE = "rooms=txsockjs.rooms.RoomsFactory"


class TwoProcessesTests(TwistdTestCase):
    """Two of them, whose sessions meet in a room."""

    async def begin(self) -> tuple[Twistd, Session]:
        listen = "--listen", "tcp:0:interface=127.0.0.1"
        rooms = "--rooms", "@url", "--room", "*:history=5"
        twistd = self.start("--service", SERVICE, *listen, *rooms)
        url = await twistd.url()
        if "is there" not in twistd.output:
            await twistd.until("is there")
        return twistd, await opened(f"{url}/rooms")

    async def ask(self, session: Session, **request: Any) -> dict[str, Any]:
        await session.send(json.dumps(request))
        return await self.told(session)

    async def told(self, session: Session) -> dict[str, Any]:
        [message, *_] = json.loads((await session.receive())[1:])
        return json.loads(message)

    async def test_chat(self) -> None:
        """
        What is said in one is heard in the other; who comes later gets it from the
        history; when one is stopped, its members have left.
        """
        redis = await Redis(self, password="s3cret").start()
        self.here.joinpath("url").write_text(f"{redis.url}\n")
        first, ada = await self.begin()
        second, bob = await self.begin()
        join = {"type": "join", "room": "r", "presence": True}
        self.assertEqual((await self.ask(bob, **join))["type"], "joined")
        await ada.send(json.dumps({**join, "info": {"name": "ada"}}))
        come = await self.told(bob)
        self.assertEqual(come["type"], "memberJoined")
        self.assertEqual(come["member"]["info"], {"name": "ada"})
        await ada.send(json.dumps({"type": "publish", "room": "r", "text": "Grüße"}))
        message = await self.told(bob)
        self.assertEqual((message["type"], message["text"]), ("message", "Grüße"))
        history = await redis.do("XRANGE", "sockjs:{r}:stream", "-", "+")
        self.assertIn("1-0", history)
        first.terminate()
        self.assertEqual((await self.told(bob))["type"], "memberLeft")
        self.assertEqual(await first.ended, TERMINATED)
        for twistd in first, second:
            self.assertNotIn("s3cret", twistd.output)
            self.assertNotIn("Traceback", twistd.output)

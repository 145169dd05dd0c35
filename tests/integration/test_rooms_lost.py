"""
``rooms.js``, where something is lost on the way and its session lives on: with sockets
and a time that each scenario has for itself.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.support.documents import ROOT
from tests.support.programs.node import need, runNode

SCRIPT = ROOT / "txsockjs" / "rooms" / "browser" / "rooms.js"

LOST = "Something was lost on the way."
UNANSWERED = "There was no answer in time."
ANSWER_LOST = "An answer was lost on the way."
UNCERTAIN = "disconnected, uncertain"


class LostTests(TestCase):
    """
    What comes of each scenario of ``rooms_lost.js``.
    """

    timeout = 60

    async def run_(self, scenario: str) -> Any:
        """
        What comes of a scenario.
        """
        need("node")
        [result] = await runNode(reactor, "rooms_lost.js", SCRIPT.as_uri(), scenario)
        return result

    async def test_hole(self) -> None:
        """
        A message that does not follow the last one is not handed on: the connection is
        dropped, and the room comes back from where it stood. It gets each message once,
        in order.
        """
        result = await self.run_("hole")
        had = ["joined true", "e:1", "e:2"]
        got = ["joined true", "e:3", "e:4", "e:5", "e:6"]
        self.assertEqual(result["told"], [*had, "away", *got])
        self.assertTrue(result["closed"])
        self.assertEqual(result["wish"], {"a": "e:2"})
        self.assertEqual(result["closes"], [LOST])

    async def test_epoch(self) -> None:
        """
        A gap says where what follows begins, in another epoch too. A message of another
        epoch without one does not follow.
        """
        result = await self.run_("epoch")
        had = ["joined true", "gap f:4", "f:5"]
        self.assertEqual(result["told"], [*had, "away", "joined false", "g:6"])
        self.assertEqual(result["wish"], {"a": "f:5"})

    async def test_rooms(self) -> None:
        """
        With a connection that is dropped for one room, the others come back from where
        they stood, too. One without a history is told that it may have missed some.
        """
        a, b, c = (result := await self.run_("rooms"))["told"]
        self.assertEqual(a, ["joined true", "e:1", "away", "joined true", "e:2", "e:3"])
        self.assertEqual(b, ["joined true", "f:6", "away", "joined true", "f:7"])
        self.assertEqual(c, ["joined true", "said undefined", "away", "joined false"])
        self.assertEqual(result["wish"], {"a": "e:1", "b": "f:6", "c": None})

    async def test_stubborn(self) -> None:
        """
        A server that neither has what is missing nor tells of a gap is asked three
        times. Then that is a gap, and it goes on.
        """
        result = await self.run_("stubborn")
        again = ["away", "joined true"]
        self.assertEqual(
            result["told"], ["joined true", *again * 3, "gap e:3", "e:4", "e:5"]
        )
        self.assertEqual(result["connections"], 4)

    async def test_answer(self) -> None:
        """
        A request that is not answered in 30 seconds has failed, as uncertain, and the
        connection is lost. A room that was left is left then.
        """
        result = await self.run_("answer")
        self.assertEqual(result["before"], ["open", "open", False])
        self.assertEqual(result["after"], [UNCERTAIN, "done", True])
        self.assertEqual(result["closes"], [UNANSWERED])

    async def test_never(self) -> None:
        """
        An answer is waited for without an end, and without a timer, if that is wanted.
        """
        self.assertEqual(await self.run_("never"), {"is": "open", "timers": 0})

    async def test_order(self) -> None:
        """
        An answer that comes before that to an earlier request says that the earlier one
        is lost. It holds itself.
        """
        result = await self.run_("order")
        self.assertEqual(result["said"], [UNCERTAIN, "e:2", UNCERTAIN])
        self.assertEqual(result["closes"], [ANSWER_LOST])

    async def test_busy(self) -> None:
        """
        An answer that is behind much else is waited for. That it is lost shows in one
        to a question that was put after it.
        """
        result = await self.run_("busy")
        self.assertEqual((result["slow"], result["probes"]), ("e:1", 1))
        self.assertEqual(result["before"], ["open", False])
        self.assertEqual(result["lost"], UNCERTAIN)
        self.assertEqual(result["closes"], [ANSWER_LOST])
        heard = [f"e:{offset}" for offset in range(1, 22)]
        self.assertEqual(result["told"], ["joined true", *heard, "away"])

    async def test_join(self) -> None:
        """
        A room of which it is lost that it was joined is joined again: after 30 seconds,
        or at once where something of it comes. Nothing is handed on before.
        """
        result = await self.run_("join")
        told = ["away", "away", "joined true", "e:2", "e:3"]
        self.assertEqual((result["told"], result["joined"]), (told, "done"))
        self.assertEqual((result["closed"], result["recent"]), (True, 5))
        self.assertEqual(result["closes"], [UNANSWERED, LOST])

    async def test_twice(self) -> None:
        """
        Who is told to be a member already, since the browser has sent the request
        twice, stays one; and comes back if the first answer is lost. Who is told so
        each time is over.
        """
        result = await self.run_("twice")
        had = ["joined true", "e:1", "away", "away", "joined true", "e:2"]
        self.assertEqual(result["told"], [*had, *["away"] * 4, "error alreadyMember"])
        self.assertEqual((result["closed"], result["connections"]), (True, 7))

    async def test_anew(self) -> None:
        """
        What is told of a room before it is left is not told to one of that name that is
        joined after it.
        """
        result = await self.run_("anew")
        self.assertEqual((result["told"], result["old"]), (["joined true", "e:3"], []))
        self.assertEqual((result["state"], result["left"]), ("joining", "done"))

    async def test_again(self) -> None:
        """
        An answer to what was answered before is none to anything else.
        """
        result = await self.run_("again")
        self.assertEqual((result["said"], result["left"]), ("e:1", "done"))
        self.assertEqual((result["state"], result["closes"]), ("joining", []))
        self.assertEqual(result["told"], ["joined false"])

    async def test_many(self) -> None:
        """
        No more requests are under way than the server knows again: 64. The others wait,
        in their order, and are lost with the connection.
        """
        result = await self.run_("many")
        self.assertEqual(result["sent"], [64, 65, 70, 1])
        self.assertTrue(result["ordered"])
        self.assertEqual(result["said"], ["e:1", "e:70", *[UNCERTAIN] * 2])
        self.assertEqual((result["left"], result["after"]), ("done", ["join"]))

    async def test_last(self) -> None:
        """
        What comes last and is lost is missed at the next heartbeat, and comes. What is
        on its way is not missed.
        """
        a, b, c = (result := await self.run_("last"))["told"]
        self.assertEqual(result["asked"], [["positions"]] * 3)
        self.assertEqual(result["closes"], [LOST])
        self.assertEqual(result["wish"], {"a": "e:3", "b": "f:7", "c": None})
        had = ["joined true", "e:2", "e:3"]
        self.assertEqual(a, [*had, "away", "joined true", "e:4", "e:5"])
        had = ["joined true", "f:6", "f:7"]
        self.assertEqual(b, [*had, "away", "joined true"])
        self.assertEqual(c, ["joined true", "away", "joined false"])

    async def test_ended(self) -> None:
        """
        So is another epoch. What the server does not give is a gap, in the end.
        """
        result = await self.run_("ended")
        again = ["away", "joined true"]
        self.assertEqual(result["told"], ["joined true", *again * 3, "gap f:2", "f:3"])
        self.assertEqual(result["connections"], 4)

    async def test_when(self) -> None:
        """
        The server is asked how far it has come at a heartbeat, or every 20 seconds if
        there is none for all that comes; over HTTP, of rooms with a history, and unless
        it is not to be.
        """
        asked = await self.run_("when")
        self.assertEqual(asked.pop("polling"), ["positions"])
        self.assertEqual(asked.pop("busy"), 2)
        self.assertEqual(set(asked), {"websocket", "plain", "none", "never"})
        self.assertEqual([*asked.values()], [[]] * 4)

    async def test_opening(self) -> None:
        """
        A room that is joined when the connection is there is asked for once.
        """
        self.assertEqual(await self.run_("opening"), ["a", "b"])

    async def test_unavailable(self) -> None:
        """
        A room that could not be had is away, and asked for again over that connection;
        over the next one it is asked for once.
        """
        result = await self.run_("unavailable")
        refused = ["error unavailable", "away"]
        told = ["joined true", *refused * 2, "away", "joined true"]
        self.assertEqual(result["told"], told)
        self.assertEqual(result["state"], "away")
        self.assertEqual((result["joins"], result["after"]), (2, 1))

"""Where the sessions of a machine's workers are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.peers import Peer, Slots

ME = Peer(1, 2, "/run/2")
OTHER = Peer(0, 1, "/run/1")


class SlotsTests(SynchronousTestCase):
    """
    `Slots`.
    """

    def test_spread(self) -> None:
        """
        Every worker finds the same slot for an id, and the slots have about as many.
        """
        ids = [b"%x" % number for number in range(3000)]
        mine, others = Slots(3, ME), Slots(3, OTHER)
        self.assertEqual([*map(mine.slotOf, ids)], [*map(others.slotOf, ids)])
        for slot in range(3):
            self.assertIn([*map(mine.slotOf, ids)].count(slot), range(900, 1100))

    def test_locate(self) -> None:
        """
        A session is at a worker of its slot: the newest one, or those before it.
        """
        slots = Slots(2, ME)
        old = Peer(0, 0, "/run/0", draining=True)
        slots.update([old, OTHER])
        for id in (b"a", b"b", b"c", b"d", b"e"):
            expected = (OTHER, old) if slots.slotOf(id) == 0 else (ME,)
            self.assertEqual(slots.locate(id), expected)

    def test_gone(self) -> None:
        """
        Whoever is not told of is gone, but for the worker itself.
        """
        slots = Slots(2, ME)
        slots.update([OTHER])
        slots.update([])
        self.assertEqual([slots.at(0), slots.at(1)], [(), (ME,)])

    def test_drains(self) -> None:
        """
        A worker learns that it drains as the others do, and they are told of it.
        """
        slots = Slots(2, ME)
        told: list[Peer] = []
        slots.changed = lambda: told.append(slots.me)
        draining = Peer(1, 2, "/run/2", draining=True)
        slots.update([draining, Peer(1, 3, "/run/3")])
        self.assertEqual(told, [draining])
        self.assertEqual([peer.generation for peer in slots.at(1)], [3, 2])

    def test_noSlot(self) -> None:
        """
        A slot beyond the others is a mistake.
        """
        self.assertRaises(ValueError, Slots, 1, ME)

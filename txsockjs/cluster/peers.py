"""Which worker of this machine a session is at: `Slots`.

The session's id alone says it: nothing is looked up, and nothing is stored. A machine
has a fixed number of slots, and each worker has one. While the workers are rolled, a
slot has two generations of them: the new one, and the old one, which drains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zlib import crc32

import attrs


@attrs.frozen
class Peer:
    """
    A worker.

    :ivar slot: its slot, from 0.
    :ivar generation: which generation it is of: that of a newer one is larger. One that
        takes the place of a worker that has died is of a new generation too, for the
        sessions of the dead one are gone.
    :ivar path: the UNIX socket at which the others reach it. Nobody but this server's
        user may reach that: its directory has the mode 0700.
    :ivar draining: whether it ends, and takes no new sessions.
    """

    slot: int
    generation: int
    path: str
    draining: bool = False


class Slots:
    """
    What a worker knows of the others. Whoever starts the workers makes one of these in
    each, before it listens for clients, and calls `update` whenever a worker has
    begun to listen at its ``path``, drains, or is gone:

        1. The parent makes a directory of mode 0700, and numbers the workers that it
           starts, over all slots: that is their generation. A worker's ``path`` is in
           that directory.

        2. The worker makes ``slots = Slots(count, Peer(slot, generation, path))`` and
           ``site.joinCluster(WorkerCluster(reactor, slots))``
           (`txsockjs.cluster.workers`). When the site begins to listen for clients,
           it has listened at ``path`` before.

        3. The parent tells all workers who is there, all of them anew each time
           (`update`): a new one before it listens for clients; and those that drain,
           before they do. A worker that was killed is left out as soon as the parent
           knows.

        4. When it is told to stop, the worker drains its sessions as ever, and after
           that waits for ``site.leaveCluster()``.

    :ivar count: how many slots there are.
    :ivar me: this worker.
    """

    def __init__(self, count: int, me: Peer) -> None:
        if not 0 <= me.slot < count:
            raise ValueError(f"a worker of slot {me.slot} among {count}")
        self.count = count
        self.me: Peer = me
        self._peers: list[tuple[Peer, ...]] = [() for _ in range(count)]
        #: Called when something has changed.
        self.changed: Callable[[], object] = lambda: None
        self.update([me])

    def update(self, peers: Iterable[Peer]) -> None:
        """
        Learn who is there.

        :param peers: all workers that are there. This one is there anyway; that it
            drains is to be among them.
        """
        found = {(peer.slot, peer.generation): peer for peer in peers}
        own = self.me.slot, self.me.generation
        self.me = found.setdefault(own, self.me)
        for slot in range(self.count):
            of = [peer for peer in found.values() if peer.slot == slot]
            of.sort(key=lambda peer: peer.generation, reverse=True)
            self._peers[slot] = tuple(of)
        self.changed()

    def slotOf(self, id: bytes) -> int:
        """
        The slot of a session, which every worker finds alike.

        :param id: the session's id, as in the URL.
        """
        return crc32(id) % self.count

    def at(self, slot: int) -> tuple[Peer, ...]:
        """
        The workers of a slot, the newest first.
        """
        return self._peers[slot]

    def locate(self, id: bytes) -> tuple[Peer, ...]:
        """
        Where a session may be: at one of these, which are asked from the last one, the
        oldest; if nobody knows it, it begins at the first one. With `me` alone, it is
        here. There is none where all workers of its slot have died.
        """
        return self._peers[crc32(id) % self.count]

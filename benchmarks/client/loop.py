"""The load client's reactor: one epoll, level-triggered, and one timer."""

from __future__ import annotations

import select
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from benchmarks.errors import Stalled

#: A server that is asked something and says nothing for so many seconds has failed.
PATIENCE = 20.0


class Polled(Protocol):
    """What has a file descriptor in the epoll."""

    def ready(self, events: int) -> None:
        """Do what ``events`` allow."""

    def close(self) -> None:
        """Give the descriptor back."""


class Loop:
    """
    Hands what epoll reports to the connections.

    :ivar pulse: called with the time, in seconds of `perf_counter`; it says when it
        wants to be called again, at the earliest.
    """

    def __init__(self) -> None:
        self.pulse: Callable[[float], float] | None = None
        self._epoll = select.epoll()
        self._connections: dict[int, Polled] = {}
        self._stopped = False

    def add(self, fd: int, connection: Polled) -> None:
        """Tell ``connection`` when ``fd`` can be read."""
        self._connections[fd] = connection
        self._epoll.register(fd, select.EPOLLIN)

    def modify(self, fd: int, events: int) -> None:
        """Tell the connection of ``fd`` about ``events`` from now on."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Forget ``fd``, which is about to be closed."""
        self._epoll.unregister(fd)
        del self._connections[fd]

    def close(self) -> None:
        """Close every connection and the epoll itself."""
        for connection in list(self._connections.values()):
            connection.close()
        self._epoll.close()

    def stop(self) -> None:
        """Make `run` return after the events in hand."""
        self._stopped = True

    def run(self, seconds: float, patience: float = PATIENCE) -> bool:
        """
        Serve the connections.

        :param seconds: for how long at most.
        :param patience: the silence, in seconds, that is taken for a failure.
        :return: whether `stop` was called before the time was over.
        :raise Stalled: nothing came for ``patience`` seconds.
        """
        self._stopped = False
        connections, poll = self._connections, self._epoll.poll
        now = heard = perf_counter()
        end = now + seconds
        while now < end and not self._stopped:
            wait = min(end - now, 1.0)
            if self.pulse is not None:
                due = self.pulse(now) - perf_counter()
                # epoll counts in milliseconds, and rounds them up.
                select.select([self._epoll], [], [], max(0.0, min(wait, due)))
                wait = 0
            events = poll(wait, 1024)
            for fd, event in events:
                connection = connections.get(fd)
                if connection is not None:
                    connection.ready(event)
            now = perf_counter()
            if events:
                heard = now
            elif now - heard > patience:
                raise Stalled(f"no answer for {patience:.0f} s")
        return self._stopped

"""What a client program does: echo bursts in each session, or do nothing in any.

As in `benchmarks.client.drivers`, every answer is checked. A program tells at its end
what it has measured, as one line of JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import os
import sys
from array import array
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from time import perf_counter
from typing import Any

import psutil

from benchmarks.client.burst import Burst

#: Fewer than the server's listen backlog, so that no SYN is dropped.
OPENING = 32

#: Seconds at the end, in which nothing may come that nobody waits for.
LINGER = 0.05

#: Seconds after which a program that has not ended has failed.
PATIENCE = 60.0


class Conversation:
    """
    One session's part: two bursts in turn, so that an answer that comes twice is
    noticed at once.
    """

    __slots__ = ("_got", "_load", "_sentAt", "_turn")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._turn = self._got = 0
        self._sentAt = 0.0

    def opened(self) -> Sequence[str]:
        """
        The session is open.

        :return: what to send.
        """
        self._sentAt = perf_counter()
        return self._load.opened()

    def received(self, text: str) -> Sequence[str]:
        """
        A message came.

        :return: what to send.
        """
        load = self._load
        messages = load.bursts[self._turn]
        if load.idle or text != messages[self._got]:
            load.fail(f"{text!r:.200} is no answer")
            return ()
        self._got += 1
        if self._got < len(messages):
            return ()
        now = perf_counter()
        load.answered(now - self._sentAt)
        self._sentAt, self._got, self._turn = now, 0, self._turn ^ 1
        return load.next(self._turn)

    def lost(self, reason: object) -> None:
        """
        The session is over.
        """
        self._load.fail(f"a session was lost: {reason}")


class Load:
    """
    What all sessions do.

    :ivar port: where the server listens, on 127.0.0.1.
    :ivar service: the path of the service.
    :ivar idle: whether the sessions do nothing.
    :ivar bursts: the messages that a session sends at once.
    """

    def __init__(self, arguments: Sequence[str] | None = None) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("port", type=int)
        parser.add_argument("--service", default="/echo")
        parser.add_argument("--sessions", type=int, default=50)
        parser.add_argument("--count", type=int, default=1)
        parser.add_argument("--size", type=int, default=64)
        parser.add_argument("--warm-up", type=float, default=1.0)
        parser.add_argument("--seconds", type=float, default=2.0)
        parser.add_argument("--idle", action="store_true")
        parser.add_argument("--profile")
        options = parser.parse_args(arguments)
        self.port: int = options.port
        self.service: str = options.service
        self.idle: bool = options.idle
        self.bursts = [
            Burst(options.count, options.size, first=first).messages
            for first in (0, options.count)
        ]
        self._options = options
        self._profile = cProfile.Profile() if options.profile else None
        self._begun = self._open = self._flying = 0
        self._finishing = self._ended = False
        self._count = 0
        self._latencies = array("d")
        self._memory = 0.0
        # How many messages came back, before it was counted too.
        self._done = 0
        self._found: dict[str, Any] = {}
        self._error = ""

    def begin(
        self,
        connect: Callable[[Conversation], None],
        later: Callable[[float, Callable[[], None]], object],
        stop: Callable[[], None],
    ) -> None:
        """
        Begin to open the sessions.

        :param connect: begins to open one.
        :param later: makes a call when so many seconds have passed.
        :param stop: called at the end.
        """
        self._connect, self._later, self._stop = connect, later, stop
        later(PATIENCE, lambda: self.fail("it takes too long"))
        later(0, self._more)

    def run(self, loop: Callable[[], None]) -> None:
        """
        Do it, and print what comes of it.

        :param loop: serves the sessions until it is stopped.
        """
        with self._profile or nullcontext():
            loop()
        if self._profile:
            self._profile.dump_stats(self._options.profile)
        # What is open is not closed: nobody waits for that.
        if self._error:
            print(self._error, file=sys.stderr, flush=True)
            os._exit(1)
        nothing = {"cpu": 0.0, "wall": 0.0, "memory": 0.0, "latencies": []}
        found = {**nothing, **self._found, "done": self._done}
        print(json.dumps(found), flush=True)
        os._exit(0)

    def fail(self, problem: str) -> None:
        """
        Something is wrong: the run is void.
        """
        # To stop ends the sessions, too.
        if not self._ended:
            self._error = problem
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._stop()

    def opened(self) -> Sequence[str]:
        """
        A session is open.

        :return: what it is to send.
        """
        self._open += 1
        sessions: int = self._options.sessions
        first = max(1, sessions // 10)
        if self.idle and self._open == first:
            self._later(self._options.warm_up, self._settled)
        elif self._open == sessions:
            self._later(self._options.warm_up, self._measure)
        else:
            self._more()
        if self.idle:
            return ()
        self._flying += 1
        return self.bursts[0]

    def _more(self) -> None:
        """
        Open so many at a time.
        """
        sessions: int = self._options.sessions
        most = sessions
        if self.idle and not self._memory:
            most = max(1, sessions // 10)
        while self._begun < most and self._begun - self._open < OPENING:
            self._begun += 1
            self._connect(Conversation(self))

    def _settled(self) -> None:
        """
        What is needed once is there.
        """
        gc.collect()
        self._memory = _memory()
        self._more()

    def answered(self, seconds: float) -> None:
        """
        A burst came back.
        """
        self._flying -= 1
        self._count += self._options.count
        self._done += self._options.count
        self._latencies.append(seconds)

    def next(self, turn: int) -> Sequence[str]:
        """
        What a session is to send whose burst has come back.
        """
        if self._finishing:
            if not self._flying:
                self._later(LINGER, self._end)
            return ()
        self._flying += 1
        return self.bursts[turn]

    def _measure(self) -> None:
        gc.collect()
        if self.idle:
            sessions = self._open - max(1, self._open // 10)
            memory = (_memory() - self._memory) / sessions
            self._found = {"memory": memory, "count": sessions}
            self._end()
            return
        gc.disable()
        self._count = 0
        del self._latencies[:]
        self._cpu, self._wall = _cpu(), perf_counter()
        self._later(self._options.seconds, self._measured)

    def _measured(self) -> None:
        self._found = {
            "cpu": _cpu() - self._cpu,
            "wall": perf_counter() - self._wall,
            "count": self._count,
            "latencies": sorted(self._latencies),
        }
        self._finishing = True


def _cpu() -> float:
    """The CPU time that this process has used, in seconds."""
    times = os.times()
    return times.user + times.system


def _memory() -> int:
    """Its proportional set size, in bytes."""
    return int(psutil.Process().memory_full_info().pss)

"""``python -m benchmarks.crowd``: those who are there while somebody else is measured.

A process of its own, so that what it does is no part of anybody's latency, and so that
each process has descriptors enough. It says ``open`` when its idle sessions are; from a
line on its standard input on, it replaces its oldest session by a new one so many times
a second, or opens many at once. At the next line, or when all of the many are open, it
tells what it has done, as one line of JSON. All sessions stay until its standard input
ends.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import Any, NoReturn

from benchmarks.client.burst import Burst
from benchmarks.client.connection import Target
from benchmarks.client.drivers import openSessions
from benchmarks.client.loop import PATIENCE, Loop
from benchmarks.client.session import Plan
from benchmarks.client.sockets import WebSocketSession
from benchmarks.errors import BenchmarkError, Stalled

#: Seconds that opening many at once may take: what was dropped is tried again after
#: one, three, seven, and fifteen.
STORM = 40.0


@dataclass(frozen=True)
class Crowd:
    """
    What it does.

    :ivar idle: sessions that are there before.
    :ivar churn: how many of them are replaced, each second.
    :ivar storm: sessions that are opened at once.
    """

    idle: int = 0
    churn: int = 0
    storm: int = 0

    def divided(self, divisor: int) -> Crowd:
        """A smaller one."""
        return Crowd(self.idle // divisor, self.churn, self.storm // divisor)


class Standard:
    """
    Standard input, which says when something is to be done.

    :ivar lines: how many have come.
    :ivar ended: whether it has ended.
    """

    def __init__(self, loop: Loop) -> None:
        self.lines = 0
        self.ended = False
        self._loop = loop
        loop.add(0, self)

    def wait(self, lines: int) -> None:
        """Go on until so many lines have come, or the end."""
        while self.lines < lines and not self.ended:
            self._loop.run(PATIENCE, inf)

    def ready(self, events: int) -> None:
        """Read lines, or the end."""
        read = os.read(0, 100)
        self.lines += read.count(b"\n")
        if not read:
            self.ended = True
            self._loop.remove(0)
        self._loop.stop()

    def close(self) -> None:
        """It stays open."""


class Churn:
    """
    Replaces the oldest session by a new one, so many times a second.

    :ivar count: how many sessions it has replaced.
    """

    def __init__(self, plan: Plan, sessions: list[Any], rate: int) -> None:
        self.count = 0
        self._plan = plan
        self._sessions: deque[WebSocketSession] = deque(sessions)
        self._interval = 1 / rate
        self._due = perf_counter()
        plan.opened = self._sessions.append
        plan.closed = self._closed

    def pulse(self, now: float) -> float:
        """Open and close what is due."""
        while self._due <= now:
            self._due += self._interval
            WebSocketSession(self._plan)
            if self._sessions:
                self._sessions.popleft().close()
        return self._due

    def _closed(self, session: WebSocketSession) -> None:
        self.count += 1


def storm(loop: Loop, plan: Plan, number: int) -> float:
    """
    Open many sessions at once.

    :return: the seconds until all were open.
    """
    opened = 0

    def another(session: object) -> None:
        nonlocal opened
        opened += 1
        if opened == number:
            loop.stop()

    plan.opened = another
    began = perf_counter()
    for _ in range(number):
        WebSocketSession(plan)
    if not loop.run(STORM, STORM):
        raise Stalled(f"only {opened} of {number} sessions opened in {STORM:.0f} s")
    return perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Be there, until standard input ends."""
    parser = argparse.ArgumentParser("python -m benchmarks.crowd")
    parser.add_argument("port", type=int)
    for name in ("idle", "churn", "storm"):
        parser.add_argument(f"--{name}", type=int, default=0)
    options = parser.parse_args(arguments)
    loop = Loop()
    plan = Plan(loop, Target(options.port), (Burst(), Burst()))
    sessions = openSessions(loop, [(WebSocketSession, plan, options.idle)])
    plan.patient = True
    print("open", flush=True)
    standard = Standard(loop)
    standard.wait(1)
    found = {"opened": 0.0, "churned": 0}
    if options.storm and not standard.ended:
        found["opened"] = storm(loop, plan, options.storm)
    elif options.churn and not standard.ended:
        churn = Churn(plan, sessions, options.churn)
        loop.pulse = churn.pulse
        standard.wait(2)
        loop.pulse = None
        found["churned"] = churn.count
    print(json.dumps(found), flush=True)
    # What closes thousands of sessions at once is no part of what is measured.
    standard.wait(sys.maxsize)
    return 0


class CrowdProcess:
    """
    The crowd, as a context manager; its idle sessions are open from the start.

    :ivar fd: can be read when it has done what it was to do, or has failed.
    """

    def __init__(self, port: int, crowd: Crowd) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        options = [f"--{name}={number}" for name, number in vars(crowd).items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crowd", str(port), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.fd = self._out.fileno()

    def __enter__(self) -> CrowdProcess:
        if self._out.readline() != b"open\n":
            self._failed()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self._in.close()
        self._out.close()
        self._errors.close()

    def begin(self) -> None:
        """Have it do what it is to do."""
        self._say(b"begin\n")

    def _say(self, line: bytes) -> None:
        try:
            self._in.write(line)
            self._in.flush()
        except BrokenPipeError:
            self._failed()

    def end(self) -> dict[str, Any]:
        """
        Have it stop, but keep its sessions.

        :return: what it has done.
        :raise BenchmarkError: something went wrong there.
        """
        self._say(b"end\n")
        try:
            found: dict[str, Any] = json.loads(self._out.readline())
        except ValueError:
            self._failed()
        return found

    def _failed(self) -> NoReturn:
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")[-3000:]
        raise BenchmarkError(f"the crowd ended: {said or 'nothing said'}")


if __name__ == "__main__":
    sys.exit(main())

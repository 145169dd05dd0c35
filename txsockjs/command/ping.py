"""``txsockjs ping``: how long it takes to a service and back."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred

from txsockjs.client.agent import WebClient
from txsockjs.client.endpoint import SockJSClientEndpoint
from txsockjs.client.info import fetch
from txsockjs.client.place import TRANSPORTS
from txsockjs.client.url import SockJSURL
from txsockjs.command.durations import milliseconds
from txsockjs.command.endings import FAILED, FINE
from txsockjs.command.parser import (
    Subcommand,
    count,
    positiveSeconds,
    seconds,
    transports,
)
from txsockjs.command.pinging import Pinger, Trips
from txsockjs.command.reaching import addReaching, reachingArguments
from txsockjs.command.running import run, say, warn

_EPILOG: Final = """\
What is measured is in the second column:
  request  the service's info
  echo     a message until it came back, over one session
  opening  a session until it was open: of a service that does not send back
           the first message within --wait, or with --openings

exit status:
  0  nothing was lost
  1  something was, or a transport did not work
  2  the command line is wrong

examples:
  txsockjs ping https://example.com/echo
  txsockjs ping --count 100 --transport websocket http://127.0.0.1:8080/echo
"""

_HEADS: Final = ("", "measured", "sent", "lost", "min", "median", "p99", "max")


def addArguments(parser: ArgumentParser) -> None:
    """
    Add the arguments of ``txsockjs ping``.
    """
    addReaching(parser)
    parser.add_argument(
        "--transport",
        type=transports,
        default=TRANSPORTS,
        metavar="NAME,...",
        help="the transports to measure [default: all of them]",
    )
    parser.add_argument(
        "--count",
        type=count,
        default=10,
        metavar="N",
        help="how many round trips over each [default: 10]",
    )
    parser.add_argument(
        "--interval",
        type=seconds,
        default=0.1,
        metavar="SECONDS",
        help="how long from one to the next [default: 0.1]",
    )
    parser.add_argument(
        "--wait",
        type=positiveSeconds,
        default=2.0,
        metavar="SECONDS",
        help="when a message is lost that has not come back [default: 2]",
    )
    parser.add_argument(
        "--openings",
        action="store_true",
        help="send no messages, which a service may take for something else; only open "
        "sessions",
    )
    parser.add_argument("--json", action="store_true", help="write the result as JSON")


class PingJob:
    """
    It as a `Job <txsockjs.command.running.Job>`.
    """

    def __init__(self, reactor: Any, arguments: Namespace) -> None:
        self._reactor = reactor
        self._arguments = arguments
        self._found: list[Trips] = []
        self._running: Deferred[None] | None = None
        self._pinger = Pinger(
            reactor,
            count=arguments.count,
            interval=arguments.interval,
            wait=arguments.wait,
            openings=arguments.openings,
        )

    def start(self) -> Deferred[int]:
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> int:
        self._running = Deferred.fromCoroutine(self._measure())
        try:
            await self._running
        except CancelledError:
            # What was measured before is told.
            self._tell(self._found[-1])
        if self._arguments.json:
            print(json.dumps(report(self._arguments.url, self._found), indent=2))
        fine = all(trips.problem is None and not trips.lost for trips in self._found)
        return FINE if fine else FAILED

    async def _measure(self) -> None:
        if not self._arguments.json:
            print(line(_HEADS), flush=True)
        if not await self._measureInfo():
            return
        for name in self._arguments.transport:
            endpoint = SockJSClientEndpoint(
                self._reactor,
                self._arguments.url,
                transports=(name,),
                # There is no other transport to come to in time.
                attempt_timeout=self._arguments.timeout,
                **reachingArguments(self._arguments),
            )
            trips = Trips(name)
            self._found.append(trips)
            await self._pinger.transport(trips, endpoint)
            self._tell(trips)

    async def _measureInfo(self) -> bool:
        """
        Measure the way to the service and back, without a session.

        :return: False if there is no service.
        """
        trips = Trips("info", "request")
        self._found.append(trips)
        arguments = self._arguments
        url = SockJSURL.parse(arguments.url)
        web = WebClient(self._reactor, **reachingArguments(arguments))
        try:
            await self._pinger.attempts(
                trips, lambda: fetch(web, url, self._reactor, arguments.timeout)
            )
        finally:
            await web.close()
        self._tell(trips)
        return len(trips.durations) > 0

    def _tell(self, trips: Trips) -> None:
        if not self._arguments.json:
            print(line(tuple(cells(trips))), flush=True)
        if trips.problem is not None:
            say(self._arguments.prog, f"{trips.name}: {trips.problem}")

    def stop(self, number: int) -> None:
        self._pinger.stop()
        if self._running is not None:
            self._running.cancel()


def cells(trips: Trips) -> Iterator[str]:
    """
    The summary of some round trips, cell by cell.
    """
    yield trips.name
    yield trips.measured
    yield f"{trips.sent:,}"
    yield f"{trips.lost:,}"
    durations = trips.durations
    times = (
        durations.minimum,
        durations.percentile(50),
        durations.percentile(99),
        durations.maximum,
    )
    for each in times:
        yield f"{milliseconds(each)} ms" if len(durations) else "-"


def line(row: tuple[str, ...]) -> str:
    """
    A line of the table.
    """
    name, measured, *others = row
    rest = "".join(cell.rjust(6 if n < 2 else 11) for n, cell in enumerate(others))
    return f"{name:<15}{measured:<8}{rest}"


def report(url: str, found: list[Trips]) -> dict[str, Any]:
    """
    The result as JSON has it.
    """
    return {
        "url": url,
        "trips": [
            {
                "name": trips.name,
                "measured": trips.measured,
                "sent": trips.sent,
                "lost": trips.lost,
                "ms": trips.durations.summary(),
                "problem": trips.problem,
            }
            for trips in found
        ],
    }


def main(arguments: Namespace) -> int:
    """
    Do it.

    :return: the exit status.
    """
    warn(arguments)
    return run(lambda reactor: PingJob(reactor, arguments), arguments)


PING: Final = Subcommand(
    name="ping",
    summary="measure the round trips over each transport",
    description=(
        "Measure how long it takes to the service and back: for its info, and over\n"
        "each transport. Ctrl-C ends it, with what was measured so far."
    ),
    epilog=_EPILOG,
    addArguments=addArguments,
    main=main,
)

"""``txsockjs load``: put a load on a service, and measure how it bears it."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.python.reflect import namedModule

from txsockjs.client.endpoint import SockJSClientEndpoint
from txsockjs.command.durations import milliseconds
from txsockjs.command.endings import FAILED, FINE
from txsockjs.command.files import allowFiles, writeFile
from txsockjs.command.loading import Load, Plan
from txsockjs.command.parser import (
    Subcommand,
    count,
    positiveRate,
    positiveSeconds,
    rate,
    seconds,
    weights,
)
from txsockjs.command.progress import (
    COLUMNS,
    Lines,
    Nothing,
    Progress,
    tableLines,
    tableRows,
)
from txsockjs.command.reaching import addReaching, reachingArguments
from txsockjs.command.rendering import timestamp
from txsockjs.command.running import run, warn
from txsockjs.command.tally import Tally

_LIVE: Final = "txsockjs.command.live"

#: The files that one session has open at the most: a request that waits, and one that
#: sends.
_FILES: Final = {"websocket": 1, "xhr-streaming": 2, "xhr-polling": 2}

_EPILOG: Final = """\
Each session sends at its own pace; a round trip counts from when the message
was due, so that what a slow service delays is not left out. The service has
to send each message back to whoever sent it. Load only what is yours.

exit status:
  0  each session was opened and held, and each message came back
  1  something failed, was lost, or could not be sent in time
  2  the command line is wrong

examples:
  txsockjs load http://127.0.0.1:8080/echo --sessions 100 --rate 50 --for 10
  txsockjs load http://127.0.0.1:8080/echo --sessions 1000 --rate 50 \\
    --message-rate 1 --transports websocket:8,xhr-streaming:1,xhr-polling:1 \\
    --for 60 --output load.json
"""


def addArguments(parser: ArgumentParser) -> None:
    """
    Add the arguments of ``txsockjs load``.
    """
    addReaching(parser)
    load = parser.add_argument_group("the load")
    load.add_argument(
        "--sessions",
        type=count,
        default=10,
        metavar="N",
        help="how many sessions to open, and never more [default: 10]",
    )
    load.add_argument(
        "--rate",
        type=positiveRate,
        default=10.0,
        metavar="N",
        help="how many of them in a second [default: 10]",
    )
    load.add_argument(
        "--message-rate",
        type=rate,
        default=1.0,
        metavar="N",
        help="how many messages each sends in a second [default: 1]",
    )
    load.add_argument(
        "--size",
        type=count,
        default=64,
        metavar="BYTES",
        help="the size of a message [default: 64; no less than its mark]",
    )
    load.add_argument(
        "--transports",
        type=weights,
        default={"websocket": 1},
        metavar="NAME:SHARE,...",
        help="which transports, and the share of each [default: websocket]",
    )
    load.add_argument(
        "--for",
        dest="duration",
        type=positiveSeconds,
        default=10.0,
        metavar="SECONDS",
        help="how long, from the first opening on [default: 10]",
    )
    load.add_argument(
        "--wait",
        type=seconds,
        default=5.0,
        metavar="SECONDS",
        help="how long to wait, after that, for what has not come back [default: 5]",
    )
    output = parser.add_argument_group("what it shows")
    output.add_argument(
        "--json",
        action="store_true",
        help="write the result as JSON to standard output, in place of a table",
    )
    output.add_argument(
        "--output", metavar="FILE", help="write the result as JSON to this file, too"
    )
    output.add_argument(
        "--every",
        type=positiveSeconds,
        default=1.0,
        metavar="SECONDS",
        help="how often to show, on standard error, how far it is [default: 1]",
    )
    output.add_argument(
        "--quiet", action="store_true", help="do not show how far it is"
    )


class LoadJob:
    """
    It as a `Job <txsockjs.command.running.Job>`.
    """

    def __init__(
        self, reactor: Any, load: Load, progress: Progress, arguments: Namespace
    ) -> None:
        self._load = load
        self._arguments = arguments
        self._progress = progress
        self._showing = LoopingCall(progress.show, load)
        self._showing.clock = reactor

    def start(self) -> Deferred[int]:
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> int:
        began = time.time()
        done = self._load.start()
        self._showing.start(self._arguments.every, now=False)
        try:
            await done
        finally:
            self._showing.stop()
            self._progress.close()
        result = report(self._load, self._arguments.url, began)
        text = json.dumps(result, indent=2) + "\n"
        if self._arguments.json:
            sys.stdout.write(text)
        else:
            for line in summary(self._load):
                print(line)
        if self._arguments.output is not None:
            writeFile(self._arguments.output, text)
        return FINE if Tally.total(self._load.tallies.values()).fine else FAILED

    def stop(self, number: int) -> None:
        if self._load.sending:
            self._load.stop()
        else:
            self._load.abort()


def report(load: Load, url: str, began: float) -> dict[str, Any]:
    """
    The result as JSON has it.

    :param began: the seconds since the epoch.
    """
    plan = load.plan
    return {
        "url": url,
        "began": timestamp(began),
        "seconds": round(load.elapsed, 3),
        "interrupted": load.interrupted,
        "plan": {
            "sessions": plan.sessions,
            "rate": plan.rate,
            "message_rate": plan.messageRate,
            "size": plan.size,
            "transports": dict(plan.transports),
            "for": plan.duration,
            "wait": plan.wait,
        },
        "peak": load.peak,
        **Tally.total(load.tallies.values()).report(),
        "transports": {name: tally.report() for name, tally in load.tallies.items()},
    }


def summary(load: Load) -> Iterator[str]:
    """
    The result for a person, in lines.
    """
    total = Tally.total(load.tallies.values())
    openings = total.openings
    yield (
        f"{total.opened:,} of {load.plan.sessions:,} sessions opened, "
        f"{load.peak:,} at once at the most, in {load.elapsed:.1f} s"
        + (" (interrupted)" if load.interrupted else "")
    )
    yield (
        f"opening took p50 {milliseconds(openings.percentile(50))}, "
        f"p99 {milliseconds(openings.percentile(99))}, "
        f"max {milliseconds(openings.maximum)} ms"
    )
    yield from tableLines(COLUMNS, list(tableRows(load)))
    if total.sent and not total.echoed:
        yield "no message came back: is this a service that sends them back?"
    if total.cancelled:
        yield f"{total.cancelled:,} sessions were not open yet when it ended"
    if total.skipped:
        yield f"{total.skipped:,} messages were due and could not be sent"
    if total.other:
        yield f"{total.other:,} messages came in that were none of these"
    for problem, times in total.errors.most_common():
        yield f"{times:,} x {problem}"


def makeProgress(quiet: bool) -> Progress:
    """
    What shows how far it is: in a terminal, a table where what that needs is there.
    """
    if quiet:
        return Nothing()
    if sys.stderr.isatty():
        try:
            progress: Progress = namedModule(_LIVE).LiveProgress()
        except ImportError:
            return Lines()
        return progress
    return Lines()


def main(arguments: Namespace) -> int:
    """
    Do it.

    :return: the exit status.
    """
    plan = Plan(
        sessions=arguments.sessions,
        rate=arguments.rate,
        messageRate=arguments.message_rate,
        transports=arguments.transports,
        duration=arguments.duration,
        size=arguments.size,
        wait=arguments.wait,
    )
    allowFiles(plan.sessions * max(_FILES[name] for name in plan.transports))
    if arguments.output is not None:
        # An error to be told now, and not in the end.
        writeFile(arguments.output, "")
    warn(arguments)

    def makeJob(reactor: Any) -> LoadJob:
        endpoints = {
            name: SockJSClientEndpoint(
                reactor,
                arguments.url,
                transports=(name,),
                # There is no other transport to come to in time.
                attempt_timeout=arguments.timeout,
                **reachingArguments(arguments),
            )
            for name in plan.transports
        }
        load = Load(reactor, plan, endpoints)
        return LoadJob(reactor, load, makeProgress(arguments.quiet), arguments)

    return run(makeJob, arguments)


LOAD: Final = Subcommand(
    name="load",
    summary="put a load on a service that echoes, and measure it",
    description=(
        "Open sessions at a rate, have each send messages and hear their echo, and\n"
        "close them when the time is over. Ctrl-C ends it sooner, with the result so\n"
        "far."
    ),
    epilog=_EPILOG,
    addArguments=addArguments,
    main=main,
)

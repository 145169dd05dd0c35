"""``txsockjs check URL``: whether a server keeps the clauses of the protocol."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from txsockjs.command.endings import CommandError
from txsockjs.command.parser import (
    USAGE,
    Subcommand,
    count,
    header,
    positiveSeconds,
)
from txsockjs.command.reaching import Unverified
from txsockjs.command.running import run
from txsockjs.conformance import check
from txsockjs.conformance.client import PATIENCE
from txsockjs.conformance.services import OPTIONS

_SERVICES: Final = {
    "close": "a service that closes each session at once, with 3000 and 'Go away!'",
    "cookie": "an echo with the option cookie_needed",
    "disabled": "an echo without WebSocket",
}


def addArguments(parser: ArgumentParser) -> None:
    """
    Add the arguments of ``txsockjs check``.
    """
    parser.add_argument(
        "url",
        metavar="URL",
        help="the URL of a service that sends back what it is sent; or that below "
        "which the four services of a test server are: echo, close, cookie_needed_echo "
        "and disabled_websocket_echo",
    )
    services = parser.add_argument_group("more services of the same server")
    for role, option in OPTIONS.items():
        services.add_argument(
            option, metavar="URL", dest=f"service_{role}", help=_SERVICES[role]
        )
    services.add_argument(
        "--streaming-limit",
        type=count,
        metavar="BYTES",
        help="after how many bytes a streaming response of the echo ends [default: "
        "4096 on a test server, else not known]",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="make only the checks of this section or group, or this check, as the "
        "report names it, with * for anything; may be given several times",
    )
    parser.add_argument(
        "--junit", metavar="FILE", help="write a report for a CI, as XML of JUnit"
    )
    parser.add_argument(
        "--timeout",
        type=positiveSeconds,
        default=PATIENCE,
        metavar="SECONDS",
        help="after how long without news the server is taken to be silent "
        f"[default: {PATIENCE:g}]",
    )
    parser.add_argument(
        "--header",
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header to send with each request; may be given several times",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="do not verify the server's certificate",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show on standard error what is logged meanwhile",
    )


class CheckJob:
    """
    One run of the suite.
    """

    def __init__(self, reactor: IReactorTime, arguments: Namespace) -> None:
        self._reactor = reactor
        self._arguments = arguments
        self._running: Deferred[int] | None = None
        self._signal = 0

    def start(self) -> Deferred[int]:
        """
        Begin.

        :return: what fires with the exit status.
        """
        self._running = Deferred.fromCoroutine(self._check())
        return self._running

    def stop(self, number: int) -> None:
        """
        Stop checking.

        :param number: the signal that asks for it.
        """
        self._signal = number
        if self._running is not None:
            self._running.cancel()

    async def _check(self) -> int:
        given = self._arguments
        named = {role: getattr(given, f"service_{role}") for role in OPTIONS}
        try:
            return await check(
                given.url,
                services={role: url for role, url in named.items() if url is not None},
                streamingLimit=given.streaming_limit,
                only=given.only,
                timeout=given.timeout,
                headers=given.header,
                contextFactory=Unverified() if given.insecure else None,
                junit=given.junit,
                reactor=self._reactor,
            )
        except ValueError as error:
            raise CommandError(str(error), USAGE) from error
        except CancelledError:
            # As a shell has it of a process that the signal has ended.
            raise CommandError("stopped before the end", 128 + self._signal) from None


def main(arguments: Namespace) -> int:
    """
    Run the suite.

    :return: the exit status.
    """
    return run(lambda reactor: CheckJob(reactor, arguments), arguments)


CHECK: Final = Subcommand(
    name="check",
    summary="check that a server keeps the protocol",
    description="""\
Check a SockJS server, of any make, clause by clause of the protocol, and
report each check in a line: ok, FAILED, or skipped and why.

An echo shows most of it. What needs other services is skipped where they are
not named. A run takes half a minute, for it waits for a heartbeat.""",
    epilog="""\
examples:
  txsockjs check http://127.0.0.1:8080/echo
  txsockjs check http://127.0.0.1:8080/echo --close http://127.0.0.1:8080/close
  txsockjs check https://example.com/tests/ --junit report.xml
  txsockjs check http://127.0.0.1:8080/echo --only websockets --only xhr.sending

exit status:
  0  no check has failed
  1  one has, or there is no server to check
  2  the command was not understood""",
    addArguments=addArguments,
    main=main,
)

"""``txsockjs connect``: talk with a service."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any, Final

from twisted.internet import asyncioreactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.reflect import namedModule

from txsockjs.client.endpoint import SockJSClientEndpoint
from txsockjs.client.place import TRANSPORTS, Settings
from txsockjs.command.conversation import Console, Conversation
from txsockjs.command.endings import FINE, CommandError, described, exitStatus
from txsockjs.command.files import makePrivate
from txsockjs.command.parser import Subcommand, count, seconds, transports
from txsockjs.command.pipes import Pipes
from txsockjs.command.reaching import addReaching, reachingArguments
from txsockjs.command.rendering import ForTerminal, JSONLines, Rendering, Timestamps
from txsockjs.command.running import run, say, warn

_TERMINAL: Final = "txsockjs.command.terminal"

#: How many seconds without an answer end a session whose input has ended.
WAIT: Final = 1.0

_EPILOG: Final = """\
exit status:
  0  the session ended in good order: closed from here, or by the server with
     the code 1000 or 3000
  1  it could not be opened, was lost, or was closed with another code of 1xxx
     or 2xxx
  2  the command line is wrong
  3  the server closed it with another code of 3xxx
  4  the server closed it with a code of 4xxx, which is the application's
  130, 143  SIGINT (Ctrl-C) or SIGTERM ended it

examples:
  txsockjs connect https://example.com/echo
  printf 'a\\nb\\n' | txsockjs connect http://127.0.0.1:8080/echo
  txsockjs connect --json --wait 5 http://127.0.0.1:8080/ticker </dev/null
"""


def addArguments(parser: ArgumentParser) -> None:
    """
    Add the arguments of ``txsockjs connect``.
    """
    addReaching(parser)
    parser.add_argument(
        "--transport",
        type=transports,
        default=TRANSPORTS,
        metavar="NAME,...",
        help="the transports to try, in this order [default: "
        + ",".join(TRANSPORTS)
        + "]",
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="speak WebSocket alone at URL/websocket, without SockJS",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="show each event as a line of JSON, with the messages in both directions",
    )
    parser.add_argument(
        "--timestamps",
        action="store_true",
        help="show the time before each message",
    )
    parser.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help="when the input has ended and all is sent, close after so long without a "
        "message [default: 1; 0 in a terminal]",
    )
    parser.add_argument(
        "--max-message-size",
        type=count,
        default=Settings().max_message_size,
        metavar="BYTES",
        help="the longest line that is sent, and the largest message that is taken "
        f"[default: {Settings().max_message_size}]",
    )
    parser.add_argument(
        "--history",
        metavar="FILE",
        help="in a terminal: keep what is typed in this file, for the next time",
    )


class Connect:
    """One session from its beginning to its end, as a `Job
    <txsockjs.command.running.Job>`.

    :ivar conversation: what is connected to it; to be set before it starts.
    """

    conversation: Conversation

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        prog: str,
    ) -> None:
        self._endpoint = endpoint
        self._prog = prog
        self._signal = 0
        self._connecting: Deferred[Any] | None = None

    def start(self) -> Deferred[int]:
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> int:
        self._connecting = connectProtocol(self._endpoint, self.conversation)
        try:
            await self._connecting
        except (CancelledError, ConnectError):
            # To be cancelled may have made it fail in any way.
            if not self._signal:
                raise
            return 128 + self._signal
        finally:
            self._connecting = None
        await self.conversation.ended
        await self.conversation.console.finish()
        if self.conversation.trouble is not None:
            raise self.conversation.trouble
        if self._signal:
            return 128 + self._signal
        status = exitStatus(self.conversation.reason)
        if status != FINE or not self.conversation.closing:
            say(self._prog, described(self.conversation.reason))
        return status

    def stop(self, number: int) -> None:
        again, self._signal = self._signal, number
        if self._connecting is not None:
            self._connecting.cancel()
        elif again:
            self.conversation.abort()
        else:
            self.conversation.close()


def makeRendering(arguments: Namespace, terminal: bool, edited: bool) -> Rendering:
    """
    How messages are shown.

    :param terminal: whether that is on a terminal.
    :param edited: whether they share it with a line that is being typed.
    """
    if arguments.json:
        return JSONLines(time.time)
    rendering = Rendering()
    if terminal:
        rendering = ForTerminal(edited)
    if arguments.timestamps:
        rendering = Timestamps(rendering, time.time)
    return rendering


def findTerminal() -> Any:
    """
    What makes the console of a terminal, or None where there is no terminal, or not
    what that needs.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    try:
        return namedModule(_TERMINAL).Terminal
    except ImportError:
        return None


def main(arguments: Namespace) -> int:
    """
    Do it.

    :return: the exit status.
    """
    for name in "stdin", "stdout":
        if getattr(sys, name) is None:
            raise CommandError(f"{name} is closed: try /dev/null")
    makeTerminal = findTerminal()
    if makeTerminal is not None:
        # The line editor wants the loop of asyncio.
        asyncioreactor.install(asyncio.new_event_loop())
    terminal = sys.stdout.isatty()
    wait = arguments.wait
    if wait is None:
        wait = 0.0 if terminal and sys.stdin.isatty() else WAIT
    if arguments.history is not None:
        # An error to be told now, and not with the first line.
        makePrivate(arguments.history)
    warn(arguments)

    def makeJob(reactor: Any) -> Connect:
        endpoint = SockJSClientEndpoint(
            reactor,
            arguments.url,
            transports=arguments.transport,
            raw=arguments.raw,
            max_message_size=arguments.max_message_size,
            # A line that may be sent may wait as well, however JSON has it.
            max_buffer=max(Settings().max_buffer, 8 * arguments.max_message_size),
            **reachingArguments(arguments),
        )
        job = Connect(endpoint, arguments.prog)
        console: Console
        if makeTerminal is None:
            console = Pipes(reactor, arguments.max_message_size)
        else:
            console = makeTerminal(arguments.history, job.stop)
        rendering = makeRendering(arguments, terminal, makeTerminal is not None)
        job.conversation = Conversation(reactor, console, rendering, wait)
        return job

    return run(makeJob, arguments)


CONNECT: Final = Subcommand(
    name="connect",
    summary="talk with a service: lines in, messages out",
    description=(
        "Open a session. Each line of the input is sent as a message, and each\n"
        "message is shown as a line. In a terminal, with the extra txsockjs[cli],\n"
        "lines can be edited and there is a history; Ctrl-D closes the session."
    ),
    epilog=_EPILOG,
    addArguments=addArguments,
    main=main,
)

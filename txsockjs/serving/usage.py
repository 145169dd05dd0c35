"""What ``twistd sockjs`` tells who asks for its usage: `UsageOptions`."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final, NoReturn

from twisted.python import usage

from txsockjs.options import SockJSOptions

_EXAMPLES: Final = """
Examples:
  twistd -n sockjs
  twistd -n sockjs --service echo=twisted.protocols.wire.Echo
  twistd -n sockjs --listen tcp:8080 --service chat=myapp.chat.ChatFactory \\
    --service admin/log=myapp.log.tail --static public \\
    --option heartbeat=15 --option admin/log:origins=https://example.com \\
    --metrics tcp:9100:interface=127.0.0.1
"""


class UsageOptions(usage.Options):
    """
    A command line whose usage has the options of services, and some examples.
    """

    def __init__(self) -> None:
        usage.Options.__init__(self)
        self.docs: dict[str, str] = {
            name: " ".join(doc.split()) for name, doc in self.docs.items()
        }

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse a command line. Where ``twistd`` does so, what is wrong with it ends the
        process with one useful line, in place of a page.

        :raise UsageError: if it is wrong.
        """
        try:
            usage.Options.parseOptions(self, options)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            program = "twistd" if "nodaemon" in self.parent else "python -m twisted"
            sys.exit(f"{program} sockjs: {error}\nSee '{program} sockjs --help'.")

    def parseArgs(self, *arguments: str) -> None:
        """
        Refuse what belongs to no option.
        """
        if arguments:
            raise usage.UsageError(
                f"{arguments[0]!r} belongs to no option; a service is --service "
                "NAME=OBJECT"
            )

    def opt_version(self) -> NoReturn:
        """
        Display the versions of txsockjs and of Twisted, and exit.
        """
        print(f"txsockjs {version('txsockjs')}, Twisted {version('Twisted')}")
        sys.exit(0)

    def getUsage(self, width: int | None = None) -> str:
        """
        The usage text, with the services' own options and some examples.
        """
        width = width or int(os.environ.get("COLUMNS", "80"))
        lines = [super().getUsage(width), "Options for --option:"]
        for name, default, meaning in SockJSOptions.fields():
            lines += textwrap.wrap(
                f"{name}: {meaning} [default: {_shown(default)}]",
                width,
                initial_indent="  ",
                subsequent_indent="      ",
                break_on_hyphens=False,
            )
        return "\n".join(lines) + "\n" + _EXAMPLES


def _shown(default: object) -> object:
    if isinstance(default, (bool, type(None))):
        return str(default).lower()
    return default if default != () else "none"

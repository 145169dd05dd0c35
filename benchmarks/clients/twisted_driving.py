"""How each client on Twisted here is run."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import reactor

from benchmarks.clients.echoing import Conversation, Load


def drive(load: Load, connect: Callable[[Conversation], None]) -> None:
    """
    Do what a load asks for.

    :param connect: begins to open a session.
    """
    load.begin(connect, reactor.callLater, reactor.stop)
    load.run(reactor.run)

"""How each server on Twisted here is run."""

from __future__ import annotations

import argparse
import cProfile
from contextlib import nullcontext

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from benchmarks.servers.collected import leaveWhenAsked


def arguments() -> argparse.Namespace:
    """
    What the command line says.

    ``--profile FILE`` leaves what cProfile saw in ``FILE``; ``--redis URL`` is what
    joins the rooms of several servers; ``--backend PORT`` is where the echo behind a
    bridge listens.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls")
    parser.add_argument("--profile")
    parser.add_argument("--redis")
    parser.add_argument("--backend", type=int)
    return parser.parse_args()


def serve(factory: IProtocolFactory) -> None:
    """
    Serve ``factory`` as the command line says, until SIGTERM.
    """
    options = arguments()
    leaveWhenAsked()
    kind = f"ssl:0:privateKey={options.tls}" if options.tls else "tcp:0"

    def listening(port: IListeningPort) -> None:
        print("listening", port.getHost().port, flush=True)

    endpoint = serverFromString(reactor, f"{kind}:interface=127.0.0.1:backlog=4096")
    endpoint.listen(factory).addCallback(listening)
    profile = cProfile.Profile() if options.profile else None
    with profile or nullcontext():
        reactor.run()
    if profile:
        profile.dump_stats(options.profile)

"""
The suite, from a URL to a report: `check`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from os import PathLike
from typing import TextIO, cast

from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IPolicyForHTTPS

from txsockjs.clock import clockOr
from txsockjs.conformance import junit as xml
from txsockjs.conformance.client import PATIENCE, Target
from txsockjs.conformance.report import Report
from txsockjs.conformance.running import Verdict, chosen, run
from txsockjs.conformance.services import OPTIONS, discover, pathOf


async def check(
    url: str,
    *,
    services: Mapping[str, str] | None = None,
    streamingLimit: int | None = None,
    only: Sequence[str] = (),
    timeout: float = PATIENCE,
    headers: Sequence[tuple[str, str]] = (),
    contextFactory: IPolicyForHTTPS | None = None,
    junit: str | PathLike[str] | None = None,
    out: TextIO | None = None,
    reactor: IReactorTime | None = None,
) -> int:
    """
    Check a server, and write a report.

    :param url: the URL of a service that sends back what it is sent; or the one below
        which a server has the services ``echo``, ``close``, ``cookie_needed_echo`` and
        ``disabled_websocket_echo``, as the protocol's public test servers have.
    :param services: the URLs of other services on that server: ``close`` closes each
        session at once with 3000, ``Go away!``; ``cookie`` is an echo with
        ``cookie_needed``, ``disabled`` one without WebSocket.
    :param streamingLimit: the bytes after which a streaming response of the echo ends;
        4096 on a test server.
    :param only: names of sections, groups or checks, with ``*`` for anything; all if
        there are none.
    :param timeout: seconds without news after which the server is taken to be silent.
        Those checks that wait for a heartbeat wait for 30 at least.
    :param headers: names and values of headers to send with every request.
    :param contextFactory: what makes TLS connections; one that verifies the server's
        certificate, if not given.
    :param junit: a file for the report as XML of JUnit. A CI reads it.
    :param out: where the report goes; standard output if not given.
    :param reactor: the global one if not given.
    :return: 0 where no check failed, and 1 where one did.
    :raise ValueError: an argument cannot be used.
    :raise NothingToCheck: nothing answers at the URL, or nothing does that echoes.
    :raise OSError: the file cannot be written.
    """
    path = pathOf(url)
    checks = chosen(only)
    if not 0 < timeout < float("inf"):
        raise ValueError(f"a timeout is a number of seconds above 0, not {timeout!r}")
    if streamingLimit is not None and streamingLimit < 256:
        raise ValueError(
            f"a streaming limit is 256 bytes at the least, not {streamingLimit!r}"
        )
    clock = clockOr(reactor)
    target = Target(clock, url, timeout, headers, contextFactory)
    others = {}
    for role, other in (services or {}).items():
        if role not in OPTIONS:
            raise ValueError(f"a service is one of {', '.join(OPTIONS)}, not {role!r}")
        others[role] = pathOf(other, target.origin)
    if junit is not None:
        # Better to fail now than with nowhere to put what took a minute.
        open(junit, "ab").close()
    offered = await discover(target, path, others, streamingLimit)
    report = Report(cast(TextIO, sys.stdout) if out is None else out)
    report.begin(target.origin, offered)
    began = clock.seconds()
    async with aclosing(run(checks, target, offered)) as outcomes:
        async for outcome in outcomes:
            report.add(outcome)
    report.end(clock.seconds() - began)
    if junit is not None:
        xml.document(url, report.outcomes).write(
            junit, encoding="utf-8", xml_declaration=True
        )
    failed = any(outcome.verdict is Verdict.FAILED for outcome in report.outcomes)
    return int(failed)

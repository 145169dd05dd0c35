"""A server for the Autobahn test suite, and what it is driven by."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorProcess
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.python.failure import Failure

from txsockjs import admission
from txsockjs.factory import SockJSMultiFactory
from txsockjs.transport import SessionTransport

#: The suite's largest messages have 16 MiB.
OPTIONS = {"max_message_size": 1 << 25, "max_buffer": 1 << 26, "heartbeat": None}

#: What counts as passed. The others are FAILED, NON-STRICT, UNIMPLEMENTED and the like.
PASSED = {"OK", "INFORMATIONAL"}


class EchoTransport(SessionTransport):
    """
    Says what it hears, as text or as binary. Bytes alone would not tell which.
    """

    __slots__ = ()

    def sessionReceived(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.sendBinary(message)
        else:
            self.sendMessage(message)


def echoSite() -> SockJSMultiFactory:
    """
    A site with two services, ``plain`` and ``deflate``, whose raw WebSockets echo.
    """
    admission.SessionTransport = EchoTransport  # type: ignore[attr-defined,misc]
    site = SockJSMultiFactory()
    factory = Factory.forProtocol(Protocol)
    site.addFactory(factory, "plain", OPTIONS)
    site.addFactory(factory, "deflate", {**OPTIONS, "compression": True})
    return site


class Kosoku(ProcessProtocol):
    """
    A run of ``kosoku``.

    :ivar ended: fires with all that it wrote, when it has ended.
    """

    def __init__(self, show: TextIO | None) -> None:
        self.ended: Deferred[str] = Deferred()
        self._output = b""
        self._show = show

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._output += data
        if self._show is not None:
            self._show.write(data.decode("utf-8", "replace"))
            self._show.flush()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(self._output.decode("utf-8", "replace"))


def run(
    reactor: Any,
    service: str,
    cases: Sequence[str],
    out: Path,
    port: int,
    show: TextIO | None = None,
) -> Deferred[dict[str, Any]]:
    """
    Run cases of the suite.

    :param service: ``plain`` or ``deflate``.
    :param cases: arguments of kosoku that select cases, such as ``-i 1.*``.
    :param out: the directory for its reports.
    :param port: where the site listens, on the loopback.
    :param show: where to write what kosoku says, meanwhile.
    :return: what ``index.json`` says of each case.
    :raise RuntimeError: if there is no report, with all that kosoku said.
    """
    assert IReactorCore.providedBy(reactor) and IReactorProcess.providedBy(reactor)
    process = Kosoku(show)
    url = f"127.0.0.1:{port}/{service}/websocket"
    program = "from kosoku._cli import main; main()"
    reactor.spawnProcess(
        process,
        sys.executable,
        [sys.executable, "-c", program, url, *cases, "-o", str(out)],
        env=os.environ,
    )

    def read(said: str) -> dict[str, Any]:
        try:
            index: dict[str, dict[str, Any]] = json.loads(
                (out / "index.json").read_text()
            )
        except (OSError, ValueError):
            raise RuntimeError(f"kosoku made no report: {said}") from None
        (found,) = index.values()
        return found

    return process.ended.addCallback(read)


def failures(found: dict[str, Any]) -> dict[str, str]:
    """
    The cases that did not pass, and how, by their ids.
    """
    return {
        case: f"{result['behavior']}, close: {result['behaviorClose']}"
        for case, result in found.items()
        if not {result["behavior"], result["behaviorClose"]} <= PASSED
    }

"""A connection of TLS in memory, of which a test has both sides in its hands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from OpenSSL.SSL import (
    TLS_METHOD,
    Connection,
    Context,
    Error,
    SysCallError,
    WantReadError,
    ZeroReturnError,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from tests.support.wrappers import certificate
from txsockjs.testing import MemoryReactor, MemorySite
from txsockjs.web.records import readRecords

Events = list[tuple[str, object]]


class Answering(Protocol):
    """
    The server's side, which notes what happens.

    :cvar isOurs: whether it reads in our way.
    """

    transport: Any
    isOurs = False

    def __init__(self, answer: Callable[[Answering, bytes], object]) -> None:
        self.events: Events = []
        self.answer = answer

    def connectionMade(self) -> None:
        if self.isOurs:
            assert readRecords(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.events.append(("data", data))
        self.answer(self, data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.events.append(("lost", repr(reason.value)))


class Client(Protocol):
    """
    The other side, which makes records itself, and sends what it likes of them.
    """

    transport: Any

    def __init__(self, version: int) -> None:
        self.events: Events = []
        context = Context(TLS_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        self.tls = Connection(context)
        self.tls.set_connect_state()
        self.isShaking = True

    def connectionMade(self) -> None:
        self._shake()

    def _shake(self) -> None:
        with contextlib.suppress(WantReadError):
            self.tls.do_handshake()
            self.isShaking = False
        self.flush()

    def drain(self) -> bytes:
        """
        What is to be sent.
        """
        try:
            return self.tls.bio_read(1_000_000)
        except WantReadError:
            return b""

    def flush(self) -> None:
        self.transport.write(self.drain())

    def record(self, text: bytes) -> bytes:
        """
        A text in a record, or in several if it is long; nothing behind the end.
        """
        with contextlib.suppress(Error):
            self.tls.sendall(text)
        return self.drain()

    def goodbye(self) -> bytes:
        """
        The record that is the last.
        """
        with contextlib.suppress(Error):
            self.tls.shutdown()
        return self.drain()

    def dataReceived(self, data: bytes) -> None:
        self.tls.bio_write(data)
        if self.isShaking:
            self._shake()
        with contextlib.suppress(WantReadError):
            while not self.isShaking:
                self._receive()

    def _receive(self) -> None:
        try:
            text = self.tls.recv(65536)
        except ZeroReturnError:
            self.events.append(("goodbye", None))
            raise WantReadError from None
        except SysCallError as error:
            self.events.append(("fault", error.args))
            raise WantReadError from None
        except WantReadError:
            raise
        except Error as error:
            self.events.append(("fault", error.args[0][-1][-1]))
            raise WantReadError from None
        if self.events and self.events[-1][0] == "text":
            text = self.events.pop()[1] + text  # type: ignore[operator]
        self.events.append(("text", text))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.events.append(("lost", repr(reason.value)))


class Connected:
    """
    A connection: a script is called with it.
    """

    def __init__(
        self, answer: Callable[[Answering, bytes], object], isOurs: bool, version: int
    ) -> None:
        self.reactor = MemoryReactor()
        self.server = Answering(answer)
        self.server.isOurs = isOurs
        factory = Factory.forProtocol(lambda: self.server)
        self.factory: Any = TLSMemoryBIOFactory(
            certificate().options(), False, factory, self.reactor
        )
        self.factory.reactor = self.reactor
        self.site = MemorySite(self.factory)
        self.client = self.site.connect(Client(version))
        self.site.settle()

    def send(self, data: bytes) -> None:
        """
        Send bytes in one piece, which arrives.
        """
        self.client.transport.write(data)
        self.site.settle()

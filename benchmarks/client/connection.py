"""One socket of the load client."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from benchmarks.client.loop import Loop
from benchmarks.errors import WrongAnswer

READ_SIZE = 1 << 18
#: A port is chosen for the pair of addresses, not for ours alone, so that thousands of
#: connections from one address do not use up the range.  (Not in `socket` yet.)
IP_BIND_ADDRESS_NO_PORT = 24


class Target(NamedTuple):
    """Where a server listens."""

    port: int
    context: ssl.SSLContext | None = None
    host: str = "127.0.0.1"

    def authority(self) -> str:
        """The Host header's value."""
        return f"{self.host}:{self.port}"


_sources = count()


def sourceAddress() -> str:
    """One of 127.0.0.1 to 127.0.0.8, in turn: 9,000 sessions need more than one."""
    return f"127.0.0.{next(_sources) % 8 + 1}"


class Connection:
    """
    A connected TCP or TLS socket.

    Connecting blocks: a loopback connect is over within microseconds, and a TLS
    handshake is no part of any figure. Where it is ``patient``, it does not: the server
    may have too many others to let in.

    :ivar receive: called with the bytes that came.
    :ivar lost: called when the server has closed; by default that is wrong.
    """

    __slots__ = ("_fd", "_loop", "_secure", "_socket", "_unsent", "lost", "receive")

    def __init__(
        self,
        loop: Loop,
        target: Target,
        receive: Callable[[bytes], None],
        source: str | None = None,
        patient: bool = False,
    ) -> None:
        sock = socket.socket()
        sock.settimeout(0 if patient else 20)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source or sourceAddress(), 0))
        address = target.host, target.port
        if patient:
            sock.connect_ex(address)
        else:
            sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.context is not None:
            sock = target.context.wrap_socket(sock, server_hostname=target.host)
        sock.setblocking(False)
        self._secure = target.context is not None
        self._socket = sock
        self._fd = sock.fileno()
        self._loop = loop
        self._unsent = b""
        self.receive = receive
        self.lost: Callable[[], None] = self._broken
        loop.add(self._fd, self)

    def send(self, data: bytes) -> None:
        """Send ``data``, now or as soon as the socket takes it."""
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except ConnectionError:
            # What is read next says so, too.
            sent = len(data)
        if sent < len(data):
            self._unsent = data[sent:]
            self._loop.modify(self._fd, select.EPOLLIN | select.EPOLLOUT)

    def ready(self, events: int) -> None:
        """Read or write, as epoll says."""
        if events & select.EPOLLOUT:
            unsent, self._unsent = self._unsent, b""
            self._loop.modify(self._fd, select.EPOLLIN)
            self.send(unsent)
        if events & ~select.EPOLLOUT:
            self._read()

    def _read(self) -> None:
        data = b""
        try:
            data = part = self._socket.recv(READ_SIZE)
            # A TLS socket gives one record a time, and epoll knows nothing of the next.
            while self._secure and part:
                part = self._socket.recv(READ_SIZE)
                data += part
        except (BlockingIOError, ssl.SSLWantReadError):
            if not data:
                return
        except ConnectionError:
            pass
        if data:
            self.receive(data)
        else:
            self.close()
            self.lost()

    def close(self) -> None:
        """Close the socket; nothing is called for it any more."""
        if self._fd >= 0:
            self._loop.remove(self._fd)
            self._socket.close()
            self._fd = -1

    def _broken(self) -> None:
        raise WrongAnswer("the server closed a connection")

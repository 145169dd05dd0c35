"""Requests that are passed on between machines are signed: `Signer`, `Checker`.

Who has the secret of a cluster may say whose a request is. The signature is about all
of the request, about the process that it is for, and about when it was made; no request
is taken twice.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256
from secrets import token_hex
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from txsockjs.cluster.passed import (
    CERTIFICATE,
    PASSED,
    SIGNATURE,
    NotPassed,
    Passed,
    bodyOf,
    headerLines,
    readPassed,
)

#: How many seconds the clocks of two machines may differ by.
SKEW: Final = 60

#: How many of a sender's requests may overtake an earlier one.
WINDOW: Final = 4096

#: The fewest bytes of a secret.
SHORTEST: Final = 16


def checkSecret(secret: bytes) -> bytes:
    """
    Check that a secret may be one.

    :raise ValueError: if it is too short to be kept.
    """
    if len(secret) < SHORTEST:
        raise ValueError(
            f"a secret of {len(secret)} bytes is too short: it takes {SHORTEST}, as of "
            "openssl rand -hex 32"
        )
    return secret


def readSecret(path: str) -> bytes:
    """
    Read a secret from a file.

    :raise ValueError: if it cannot be read, others can read it too, or it is too short.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(65536).strip()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise ValueError(f"{path}: others may read it; chmod 600 {path}")
    return checkSecret(secret)


def _sign(
    secret: bytes, to: bytes, start: bytes, lines: list[bytes], body: bytes
) -> bytes:
    """
    :param start: what the signature is about beside the request itself. None of these
        but the body has an end of line in it.
    """
    signed = b"%b\n%b\n%b\n%b" % (to, start, b"".join(lines), body)
    return hmac.new(secret, signed, sha256).hexdigest().encode("ascii")


class Signer:
    """
    Signs what a process passes on.
    """

    def __init__(self, secret: bytes, clock: IReactorTime) -> None:
        self._secret = secret
        self._clock = clock
        self._sender = token_hex(8).encode("ascii")
        self._count = 0

    def line(
        self, to: bytes, request: Request, lines: list[bytes], body: bytes
    ) -> bytes:
        """
        The header with the signature of a request.

        :param to: the process that it is for.
        :param lines: all its other headers.
        """
        self._count += 1
        when = b"%b %d %d" % (self._sender, self._count, self._clock.seconds())
        start = b"%b %b %b" % (when, request.method, request.uri)
        mac = _sign(self._secret, to, start, lines, body)
        return b"%b: %b %b\r\n" % (SIGNATURE, when, mac)


class Checker:
    """
    Checks what other processes have signed.
    """

    def __init__(self, secret: bytes, me: bytes, clock: IReactorTime) -> None:
        """
        :param me: what this process is called.
        """
        self._secret = secret
        self._me = me
        self._clock = clock
        self._senders: dict[bytes, _Sender] = {}
        self._sweepAt = 0.0

    def check(self, request: Request, value: bytes) -> Passed:
        """
        Check the signature of a request.

        :param value: what is told of the request.
        :raise NotPassed: if it is not signed for this process, or was signed too long
            ago, or has come before.
        """
        values = request.requestHeaders.getRawHeaders(SIGNATURE, ())
        try:
            [signature] = values
            sender, count, time, mac = signature.split(b" ")
            number, made = int(count), int(time)
        except ValueError:
            raise NotPassed("it has no signature that is in order") from None
        lines = headerLines(request)
        certificates = request.requestHeaders.getRawHeaders(CERTIFICATE, ())
        lines += [b"%b: %b\r\n" % (CERTIFICATE, each) for each in certificates]
        lines.append(b"%b: %b\r\n" % (PASSED, value))
        when, _, _ = signature.rpartition(b" ")
        start = b"%b %b %b" % (when, request.method, request.uri)
        expected = _sign(self._secret, self._me, start, lines, bodyOf(request))
        if not hmac.compare_digest(expected, mac):
            raise NotPassed(
                "its signature is not of this cluster's secret, or not for this process"
            )
        now = self._clock.seconds()
        if abs(now - made) > SKEW:
            raise NotPassed(
                f"it was signed {now - made:.0f} s ago; the clocks of all machines "
                f"may differ by {SKEW} s"
            )
        if not self._senderOf(sender, now).isNew(number):
            raise NotPassed("it has come before")
        # What it reads, it remembers.
        return readPassed(value)

    def _senderOf(self, name: bytes, now: float) -> _Sender:
        if now >= self._sweepAt:
            # What those have signed that are forgotten is too old by now.
            self._sweepAt = now + 2 * SKEW
            self._senders = {
                name: sender
                for name, sender in self._senders.items()
                if now - sender.heard <= 2 * SKEW
            }
        sender = self._senders.setdefault(name, _Sender())
        sender.heard = now
        return sender


class _Sender:
    """
    What has come from one process.
    """

    __slots__ = ("_floor", "_seen", "heard")

    def __init__(self) -> None:
        self.heard = 0.0
        self._floor = 0
        self._seen: set[int] = set()

    def isNew(self, number: int) -> bool:
        """
        Whether its request of this number has not come before.
        """
        if number <= self._floor or number in self._seen:
            return False
        self._seen.add(number)
        if len(self._seen) > 2 * WINDOW:
            late = sorted(self._seen)[:WINDOW]
            self._floor = late[-1]
            self._seen.difference_update(late)
        return True

"""What went wrong on the way to a server, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, cast

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
    SSLError,
    TimeoutError,
)
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from txsockjs.errors import RequestFailed, SockJSError


def causes(failure: Failure) -> list[BaseException]:
    """
    The exceptions that a failure of Twisted's HTTP client consists of, first what
    happened first.
    """
    reasons = getattr(failure.value, "reasons", None)
    if reasons is None:
        return [cast(BaseException, failure.value)]
    return [cause for reason in reasons for cause in causes(reason)]


def _verification(error: SSL.Error) -> str:
    texts = [entry[-1] for entry in error.args[0]] if error.args else []
    return ", ".join(filter(None, texts)) or "the connection broke"


def _refused(error: BaseException) -> str:
    return "connection refused: nothing listens there"


def _lookup(error: BaseException) -> str:
    return f"the name has no address ({error})"


def _ssl(error: BaseException) -> str:
    assert isinstance(error, SSL.Error)
    text = _verification(error)
    if "certificate verify failed" in text:
        return (
            f"the server's certificate is not trusted ({text}); a contextFactory can "
            "trust its authority"
        )
    if "wrong version number" in text or "unknown protocol" in text:
        return f"what answers speaks no TLS ({text}); is it an http URL?"
    return f"TLS failed ({text})"


def _identity(error: BaseException) -> str:
    return "the server's certificate is for another host"


def _cancelled(error: BaseException) -> str:
    return "it was cancelled"


def _aborted(error: BaseException) -> str:
    return "the connection was given up"


def _closed(error: BaseException) -> str:
    return f"the connection was lost before all had come ({type(error).__name__})"


_Text: TypeAlias = "tuple[type[BaseException], Callable[[BaseException], str]]"

# The first that fits is taken, so what is more special comes first.
_TEXTS: Final[
    tuple[tuple[type[BaseException], Callable[[BaseException], str]], ...]
] = (
    (ConnectionRefusedError, _refused),
    (DNSLookupError, _lookup),
    (VerificationError, _identity),
    (SSL.Error, _ssl),
    (SSLError, lambda error: f"TLS failed ({error})"),
    (CancelledError, _cancelled),
    (ConnectingCancelledError, _cancelled),
    (TimeoutError, lambda error: "there was no answer in time"),
    (ConnectError, lambda error: f"no connection ({error})"),
    (ConnectionAborted, _aborted),
    (ConnectionClosed, _closed),
)


def explain(failure: Failure, where: str) -> str:
    """
    Say what went wrong.

    :param failure: what connecting to a server has failed with, what a request has, or
        what the ``connectionLost`` of a protocol was told.
    :param where: the server, as in ``example.com:443``.
    :return: one line.
    """
    for cause in causes(failure):
        if isinstance(cause, SockJSError):
            return str(cause)
        for kind, text in _TEXTS:
            if isinstance(cause, kind):
                return f"{where}: {text(cause)}"
    first = causes(failure)[0]
    if failure.check(ResponseFailed):
        return f"{where}: what it sent is no HTTP ({type(first).__name__}: {first})"
    return f"{where}: {str(first) or type(first).__name__}"


def failed(failure: Failure, where: str) -> RequestFailed:
    """
    The exception that says what went wrong.

    :param failure: as for `explain`.
    :param where: as for `explain`.
    """
    for cause in causes(failure):
        if isinstance(cause, RequestFailed):
            return cause
    error = RequestFailed(explain(failure, where))
    error.__cause__ = failure.value
    return error

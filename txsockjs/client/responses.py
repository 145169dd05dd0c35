"""A response to a client: `WebResponse`."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from txsockjs.client.connections import WatchedConnection
from txsockjs.client.failures import failed
from txsockjs.errors import RequestFailed

# Seconds that the text of a refusal is waited for.
_PATIENCE: Final = 5.0

# And that of a response which nobody wants.
_SOON: Final = 1.0

#: How many bytes of a response that is read as a whole are taken.
MAX_BODY: Final = 64 * 1024


class WebResponse(proxyForInterface(IResponse)):  # type: ignore[misc]
    """
    A response, as far as it has come: its head.

    :ivar url: where it comes from, behind all redirections.
    :ivar connection: what it comes on.
    """

    code: int
    phrase: bytes

    def __init__(
        self, original: IResponse, url: str, where: str, connection: WatchedConnection
    ) -> None:
        super().__init__(original)
        self.url = url
        self.where = where
        self.connection = connection

    @property
    def status(self) -> str:
        """
        Code and phrase, as in ``404 Not Found``.
        """
        return f"{self.code} {self.phrase.decode('latin-1')}".rstrip()

    def ended(self, reason: Failure) -> RequestFailed | None:
        """
        Tell how its body has ended.

        :param reason: what the ``connectionLost`` of the body's protocol was told.
        :return: None if all of it has come, else what went wrong.
        """
        if reason.check(ResponseDone):
            return None
        end = self.connection.ended
        if reason.check(PotentialDataLoss):
            # A body without a length, which ends where its connection does (RFC 9112,
            # section 6.3): whether all of it has come is told by how that ended.
            if end is None or end.check(ConnectionDone):
                return None
            reason = end
        return failed(reason, self.where)

    def drop(self, clock: IReactorTime) -> Deferred[object]:
        """
        Make nothing of it. If it comes to its end soon, its connection is kept.

        :return: a Deferred that fires when it is out of the way. It never fails.
        """
        rest = self.read().addTimeout(_SOON, clock)
        return rest.addErrback(lambda reason: None)

    def read(self, limit: int = MAX_BODY) -> Deferred[bytes]:
        """
        Read all of the body.

        :param limit: how many bytes it may have.
        :return: a Deferred of it, which fails with `RequestFailed` if it breaks off or
            is too long. To cancel it ends the connection.
        """
        body = _Body(self, limit)
        self.deliverBody(body)
        return body.whole

    def excerpt(self, clock: IReactorTime, limit: int = 100) -> Deferred[str]:
        """
        Read the beginning of a body that says why a request was refused.

        :param clock: what tells when that takes too long: then there is none.
        :param limit: how many bytes of it are wanted.
        :return: a Deferred of status and text, for people. It never fails.
        """
        body = _Body(self, limit)
        self.deliverBody(body)

        def found(text: bytes) -> str:
            return f"{self.status}: {text.decode('utf-8', 'replace')!r}"

        def lost(reason: Failure) -> str:
            return found(body.begun) if body.begun else self.status

        return body.whole.addTimeout(_PATIENCE, clock).addCallbacks(found, lost)


class _Body(Protocol):
    def __init__(self, response: WebResponse, limit: int) -> None:
        self._response = response
        self._limit = limit
        self._data = bytearray()
        self.whole: Deferred[bytes] = Deferred(self._cancel)

    def _cancel(self, _: Any) -> None:
        self._response.connection.abort()

    @property
    def begun(self) -> bytes:
        """
        What of it there is, up to the limit.
        """
        return bytes(self._data[: self._limit])

    def dataReceived(self, data: bytes) -> None:
        if self.whole.called:
            return
        self._data += data
        if len(self._data) > self._limit:
            self.whole.errback(
                RequestFailed(
                    f"{self._response.url}: the response has more than {self._limit} "
                    "bytes"
                )
            )
            self._response.connection.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.whole.called:
            return
        problem = self._response.ended(reason)
        if problem is None:
            self.whole.callback(bytes(self._data))
        else:
            self.whole.errback(problem)

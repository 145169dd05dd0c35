"""What goes out over HTTP: one sending request after the other. `Sender`."""

from __future__ import annotations

from collections import deque
from json import JSONEncoder
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txsockjs.client.place import Place
from txsockjs.client.responses import WebResponse
from txsockjs.errors import RequestFailed

#: How many bytes of JSON a request has, unless a single message has more.
BATCH: Final = 64 * 1024

# What our servers and the others read without a look at it.
_HEADERS: Final = {"Content-Type": "text/plain; charset=UTF-8"}

_quote: Final = JSONEncoder(ensure_ascii=False).encode
_quoteASCII: Final = JSONEncoder().encode


def quoted(message: str | bytes) -> bytes:
    """
    A message as JSON. A lone surrogate, which UTF-8 has not, is escaped.
    """
    try:
        return _quote(message).encode("utf-8")
    except UnicodeEncodeError:
        return _quoteASCII(message).encode("ascii")


class SessionUnknown(RequestFailed):
    """
    There is no such session any more: the server has closed it, or has lost it.
    """


class Sent(Protocol):
    """
    Whom a sender tells how it goes.
    """

    def drained(self) -> None:
        """
        The server has taken all.
        """

    def broken(self, reason: Failure) -> None:
        """
        It cannot go on.
        """


class Sender:
    """
    Sends messages in order, one request at a time. What is given to it while the server
    has not answered goes into the next one.

    A request is made once. If its connection ends without an answer, the server may
    have taken the messages or not: to make it again could double them, so that is the
    end. A connection that waits for the next request is closed before servers do so
    (`IDLE <txsockjs.client.agent.IDLE>`).

    How long a server may take for its answer is not limited: ours waits with it as long
    as its application reads nothing.

    The browser's client waits for 25 ms between an answer and the next request, so that
    the few connections that a browser has for a host go to receiving requests first.
    Here each request has a connection, so there is nothing to wait for.

    :ivar pending: how many bytes the server has not taken.
    """

    def __init__(self, owner: Sent, place: Place) -> None:
        """
        :param owner: who is told how it goes.
        """
        self._owner = owner
        self._place = place
        self._url = place.at("xhr_send")
        self._queue: deque[bytes] = deque()
        # What the request has that is not answered.
        self._flying = 0
        self._posting: Deferred[Any] | None = None
        self._call: IDelayedCall | None = None
        self._stopped = False
        self.pending: int = 0

    def send(self, message: str | bytes) -> None:
        """
        Send a message, with those of this turn of the reactor.
        """
        item = quoted(message)
        self._queue.append(item)
        # With what stands behind it.
        self.pending += len(item) + 1
        if self._posting is None and self._call is None:
            self._call = self._place.clock.callLater(0, self._post)

    def stop(self) -> None:
        """
        Send no more, and end what there is. Nothing is told after this.
        """
        self._stopped = True
        self.pending = 0
        self._queue.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        posting, self._posting = self._posting, None
        if posting is not None:
            posting.cancel()

    def _post(self) -> None:
        self._call = None
        batch = [self._queue.popleft()]
        size = len(batch[0]) + 1
        while self._queue and size + len(self._queue[0]) + 2 <= BATCH:
            item = self._queue.popleft()
            size += len(item) + 1
            batch.append(item)
        self._flying = size
        body = b"[%b]" % b",".join(batch)
        posting: Deferred[Any] = self._place.web.request(
            "POST", self._url, body=body, headers=_HEADERS
        )
        self._posting = posting
        posting.addCallback(self._answered)
        posting.addCallbacks(self._taken, self._failed)

    def _answered(self, response: WebResponse) -> Deferred[Any]:
        if response.code in (200, 204):
            # What it says besides may be anything.
            return response.drop(self._place.clock)
        kind = SessionUnknown if response.code == 404 else RequestFailed
        return response.excerpt(self._place.clock).addCallback(self._refused, kind)

    def _refused(self, why: str, kind: type[RequestFailed]) -> None:
        raise kind(f"{self._url} answered {why}")

    def _taken(self, _: object) -> None:
        if self._stopped:
            return
        self._posting = None
        self.pending -= self._flying
        self._flying = 0
        if self._queue:
            self._post()
        else:
            self._owner.drained()

    def _failed(self, reason: Failure) -> None:
        if not self._stopped:
            self.stop()
            self._owner.broken(reason)

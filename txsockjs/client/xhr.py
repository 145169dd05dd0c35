"""The carriers over HTTP: XHR streaming and polling. (PROTOCOL sections 7 and 9.)"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.client.interfaces import ICarried, ICarrier
from txsockjs.client.place import Place
from txsockjs.client.reading import Closed, read
from txsockjs.client.receiving import Receiver
from txsockjs.client.sending import Sender, SessionUnknown
from txsockjs.errors import RequestFailed


class _XHRCarrier:
    """
    What carries a session over a receiving and a sending request.

    While it is paused, a response that has ended is not followed by the next. A server
    takes a session without a receiving request for lost after some seconds, so a pause
    that is to be longer needs a transport that goes on: with streaming it is the end of
    a response that begins those seconds, with polling the first message.
    """

    name: ClassVar[str]
    # What it is called in a session's URLs, and whether a response has many frames.
    _path: ClassVar[str]
    _many: ClassVar[bool]

    subprotocol: str | None = None

    def __init__(self, session: ICarried, place: Place) -> None:
        self._session = session
        self._place = place
        self._receiver = Receiver(self, place, self._path, self._many)
        self._sender = Sender(self, place)
        # What is going to be done in a later turn: the beginning or the end.
        self._call: IDelayedCall | None = None
        self._ending = False
        self._closing = False
        # Whether the server has closed the session.
        self._closed = False
        # That the server does not know the session when something is sent, though it
        # has not said why yet.
        self._unknown: Failure | None = None

    @property
    def pending(self) -> int:
        return self._sender.pending

    @property
    def peer(self) -> IAddress | None:
        connection: Any = self._receiver.connection
        return None if connection is None else cast(IAddress, connection.getPeer())

    @property
    def host(self) -> IAddress | None:
        connection: Any = self._receiver.connection
        return None if connection is None else cast(IAddress, connection.getHost())

    @property
    def certificate(self) -> Any:
        connection = self._receiver.connection
        return None if connection is None else connection.certificate

    # The session's side

    def start(self) -> None:
        self._call = self._place.clock.callLater(0, self._begin)

    def _begin(self) -> None:
        self._call = None
        self._receiver.ask()

    def send(self, message: str | bytes) -> None:
        if not (self._ending or self._closing or self._unknown is not None):
            self._sender.send(message)

    def close(self, code: int, reason: str) -> None:
        """
        Nothing can tell a server of the end, or of its code: what waits is sent, then
        the receiving request is given up.
        """
        if self._ending or self._closing:
            return
        self._closing = True
        if self._unknown is not None:
            self._end(self._unknown)
            return
        if self._sender.pending and not self._closed:
            limit = self._place.settings.close_timeout
            self._call = self._place.clock.callLater(limit, self._tooLate, limit)
        else:
            self._end(Failure(ConnectionDone()))

    def _tooLate(self, limit: float) -> None:
        self._call = None
        self._end(
            Failure(
                RequestFailed(
                    f"{self.pending} bytes were not taken by the server within "
                    f"{limit:g} s (close_timeout)"
                )
            )
        )

    def abort(self) -> None:
        self._end(Failure(ConnectionAborted()))

    def pauseReceiving(self) -> None:
        self._receiver.pause()

    def resumeReceiving(self) -> None:
        self._receiver.resume()

    # The requests' side

    def frameReceived(self, frame: str) -> None:
        """
        A frame came in.
        """
        if frame.startswith("c") and isinstance(read(frame), Closed):
            # It would be said again to each request to come.
            self._closed = True
            self._receiver.leave()
        self._session.carrierFrame(frame)

    def drained(self) -> None:
        """
        The server has taken all.
        """
        if self._closing:
            self._end(Failure(ConnectionDone()))
        else:
            self._session.carrierDrained()

    def broken(self, reason: Failure) -> None:
        """
        One of the requests has failed.
        """
        if self._unknown is not None:
            self._end(self._unknown)
        elif reason.check(SessionUnknown) and not self._closing:
            # It may have closed the session a moment ago: what it sent before, and its
            # close, are on their way then.
            self._unknown = reason
            limit = self._place.settings.close_timeout
            self._call = self._place.clock.callLater(limit, self._unsaid)
        else:
            self._end(reason)

    def _unsaid(self) -> None:
        self._call = None
        assert self._unknown is not None
        self._end(self._unknown)

    def _end(self, reason: Failure) -> None:
        """
        End both requests, and tell the session in a later turn: then nothing is open.
        """
        if self._ending:
            return
        self._ending = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._receiver.stop()
        self._sender.stop()
        self._place.clock.callLater(0, self._session.carrierLost, reason)


@implementer(ICarrier)
class XHRStreaming(_XHRCarrier):
    """
    Streaming: a response has frames until a limit of the server's is reached.
    """

    name = "xhr-streaming"
    _path = "xhr_streaming"
    _many = True


@implementer(ICarrier)
class XHRPolling(_XHRCarrier):
    """
    Polling: a response has one frame.
    """

    name = "xhr-polling"
    _path = "xhr"
    _many = False

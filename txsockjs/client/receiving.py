"""What comes in over HTTP: one receiving request after the other. `Receiver`."""

from __future__ import annotations

from typing import Any, Final
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from txsockjs.client.connections import WatchedConnection
from txsockjs.client.lines import LineReader
from txsockjs.client.place import Place
from txsockjs.client.responses import WebResponse
from txsockjs.errors import RequestFailed, TooLarge

# Seconds to wait behind a response that brought nothing, and the most of them: a server
# that has only such is not to be asked as fast as it answers.
_EMPTY: Final = 0.1
_EMPTIEST: Final = 5.0

# Heartbeats, and what is no frame at all, count as something if they took the server so
# many seconds: it did wait for what there is to bring.
_WAITED: Final = 0.05

_HEARTBEAT: Final = "h"
_OPENED: Final = "o"
_MESSAGES: Final = ("a", "m")


class Received(Interface):
    """
    Whom a receiver tells what comes.
    """

    def frameReceived(self, frame: str) -> None:
        """
        A frame came in.
        """

    def broken(self, reason: Failure) -> None:
        """
        It cannot go on.
        """


class _Body(Protocol):
    """
    The body of a receiving response.
    """

    transport: Any = None

    def __init__(self, receiver: Receiver, response: WebResponse) -> None:
        self._receiver = receiver
        self.response = response
        self.brought = False

    def dataReceived(self, data: bytes) -> None:
        self._receiver.bodyReceived(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._receiver.bodyEnded(self, reason)


class Receiver:
    """
    Asks for frames as long as it is not stopped. When a response ends, the next one is
    asked for at once.

    :ivar connection: what the last response came on; None before the first.
    """

    connection: WatchedConnection | None = None

    def __init__(self, owner: Received, place: Place, path: str, many: bool) -> None:
        """
        :param owner: who is told of the frames, and of the end.
        :param path: the transport's name, as URLs have it.
        :param many: whether a response has more than one frame.
        """
        self._owner = owner
        self._place = place
        self._url = place.at(path)
        self._many = many
        self._stopped = False
        self._leaving = False
        self._paused = False
        # Exactly one of these is there, unless it is stopped, is leaving, or waits to
        # be resumed.
        self._asking: Deferred[Any] | None = None
        self._body: _Body | None = None
        self._call: IDelayedCall | None = None
        self._reader = LineReader(place.settings.max_message_size)
        # Frames of a polling response that came in after it was paused.
        self._kept: list[str] = []
        # Whether the next response is asked for when it is resumed.
        self._due = False
        # How many responses in a row have brought nothing.
        self._empty = 0
        # When the last one was asked for.
        self._asked = 0.0

    def ask(self) -> None:
        """
        Ask for the next response.
        """
        self._call = None
        self._asked = self._place.clock.seconds()
        asking: Deferred[Any] = self._place.web.request("POST", self._url, body=b"")
        self._asking = asking
        asking.addCallbacks(self._responded, self._failed)

    def leave(self) -> None:
        """
        Ask no more, though what comes is told.
        """
        self._leaving = True

    def stop(self) -> None:
        """
        Ask no more, and end what there is. Nothing is told after this.
        """
        self._stopped = True
        asking, body = self._asking, self._body
        self._asking = self._body = None
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if asking is not None:
            asking.cancel()
        if body is not None:
            body.response.connection.abort()

    def pause(self) -> None:
        """
        Read no more. A polling response, which has one frame, is read: if that is a
        heartbeat the next is asked for, so that the session does not end for that.
        """
        self._paused = True
        self._hold()

    def _hold(self) -> None:
        """
        Read no more of a body where that is to be so.
        """
        if self._paused and self._body is not None and (self._many or self._kept):
            self._body.transport.pauseProducing()

    def resume(self) -> None:
        """
        Read on.
        """
        self._paused = False
        kept, self._kept = self._kept, []
        for count, frame in enumerate(kept):
            if self._stopped:
                return
            if self._paused:
                self._kept = kept[count:]
                return
            self._owner.frameReceived(frame)
        if self._stopped or self._paused:
            return
        if self._body is not None:
            self._body.transport.resumeProducing()
        elif self._due:
            self._due = False
            self.ask()

    @property
    def _waited(self) -> bool:
        """
        Whether the server took some time until it had something to bring.
        """
        return self._place.clock.seconds() - self._asked >= _WAITED

    def _responded(self, response: WebResponse) -> None:
        self._asking = None
        self.connection = response.connection
        if response.code != 200:
            self._asking = response.excerpt(self._place.clock)
            self._asking.addCallback(self._refused)
        else:
            self._deliver(response)

    def _refused(self, why: str) -> None:
        self._asking = None
        self._break(RequestFailed(f"{self._url} answered {why}"))

    def _failed(self, reason: Failure) -> None:
        self._asking = None
        self._break(reason)

    def _deliver(self, response: WebResponse) -> None:
        body = self._body = _Body(self, response)
        self._reader = LineReader(self._place.settings.max_message_size)
        response.deliverBody(body)
        # To deliver a body is to read on.
        self._hold()

    def bodyReceived(self, body: _Body, data: bytes) -> None:
        """
        A part of a body came in.
        """
        if body is not self._body:
            return
        try:
            frames = [line.decode("utf-8") for line in self._reader.feed(data)]
        except TooLarge as error:
            self._break(error)
            return
        except UnicodeDecodeError as error:
            self._break(RequestFailed(f"{self._url} sent what is not UTF-8: {error}"))
            return
        for frame in frames:
            if frame == _OPENED or frame[:1] in _MESSAGES or self._waited:
                body.brought = True
            if self._paused and not self._many and frame != _HEARTBEAT:
                self._kept.append(frame)
            else:
                self._owner.frameReceived(frame)
                if body is not self._body:
                    return
        self._hold()

    def bodyEnded(self, body: _Body, reason: Failure) -> None:
        """
        A body has ended.
        """
        if body is not self._body:
            return
        self._body = None
        problem = body.response.ended(reason)
        if problem is None and self._reader.unfinished:
            problem = RequestFailed(
                f"{self._url}: the response ended within a frame, after "
                f"{self._reader.unfinished} bytes of it"
            )
        if problem is not None:
            self._break(problem)
        elif self._leaving:
            pass
        elif self._paused and (self._many or self._kept):
            self._due = True
        elif body.brought:
            self._empty = 0
            self.ask()
        else:
            wait = min(_EMPTY * 2**self._empty, _EMPTIEST)
            self._empty = min(self._empty + 1, 10)
            self._call = self._place.clock.callLater(wait, self.ask)

    def _break(self, problem: Failure | Exception) -> None:
        if self._stopped:
            return
        self.stop()
        failure = problem if isinstance(problem, Failure) else Failure(problem)
        self._owner.broken(failure)

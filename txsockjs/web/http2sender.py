"""What waits to be sent on an HTTP/2 connection: `Stream`, `StreamSender`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.web._http2 import H2Stream

from txsockjs.web.http2machine import Machine

_PIECE: Final = 16384


class Stream(H2Stream):
    """
    One request and its response.

    :ivar complete: whether all of the request has come.
    :ivar ending: whether the response ends with what waits to be sent.
    :ivar owed: how much more the peer may send of the body, when it is its turn.
    :ivar stuck: since when the peer gives no room for what waits, or None.
    """

    complete = False
    ending = False
    owed = 0
    stuck: float | None = None


class StreamSender:
    """
    Sends what the streams of a connection are to send, a frame of each in turn, as long
    as the peer has given room for it and the transport takes it.

    :ivar queues: what waits, by stream.
    :ivar blocked: whether nothing more is to be given to the transport.
    """

    def __init__(
        self,
        machine: Machine,
        clock: IReactorTime,
        flush: Callable[[], None],
        ended: Callable[[int], None],
        streams: dict[int, Any],
    ) -> None:
        """
        :param flush: gives the transport what the machine has made.
        :param ended: is called with a stream whose response has been sent.
        :param streams: the streams that there are, which others open and end.
        """
        self.queues: dict[int, deque[bytes]] = {}
        self.blocked = False
        self._machine = machine
        self._clock = clock
        self._flush = flush
        self._ended = ended
        self._streams = streams
        # Those that have something to send and may have room for it, in order.
        self._ready: dict[int, None] = {}
        self._sending = False

    def write(self, streamID: int, data: bytes) -> None:
        """
        Send a part of a response, when there is room for it.
        """
        queue = self.queues.get(streamID)
        if queue is None:
            return
        for start in range(0, len(data), _PIECE):
            queue.append(data[start : start + _PIECE])
        self.wake([streamID])
        if queue and streamID in self._streams:
            self._streams[streamID].flowControlBlocked()

    def end(self, streamID: int) -> None:
        """
        End a response behind what waits.
        """
        if streamID in self._streams:
            self._streams[streamID].ending = True
            self.wake([streamID])

    def room(self, streamID: int) -> int:
        """
        How much more may be written before some of it has to wait.
        """
        window = self._machine.local_flow_control_window(streamID)
        return window - sum(map(len, self.queues[streamID]))

    def wake(self, streams: Iterable[int] = ()) -> None:
        """
        Go on sending.

        :param streams: those that may have something to send, or room for it, now.
        """
        ready = self._ready
        ready |= dict.fromkeys(streams)
        if self._sending:
            return
        self._sending = True
        try:
            while ready and not self.blocked:
                streamID = next(iter(ready))
                del ready[streamID]
                if streamID in self._streams and self._sendPiece(streamID):
                    # It is the others' turn.
                    ready[streamID] = None
        finally:
            self._sending = False

    def _sendPiece(self, streamID: int) -> bool:
        """
        :return: whether to go on, when the others had their turns.
        """
        stream, queue = self._streams[streamID], self.queues[streamID]
        machine = self._machine
        ended = stream.ending
        if queue:
            window = machine.local_flow_control_window(streamID)
            room = min(window, machine.max_outbound_frame_size)
            if room <= 0:
                if stream.stuck is None:
                    stream.stuck = self._clock.seconds()
                return False
            stream.stuck = None
            data = queue.popleft()
            if len(data) > room:
                queue.appendleft(data[room:])
            ended = ended and not queue
            machine.send_data(streamID, data[:room], end_stream=ended)
        elif ended:
            machine.end_stream(streamID)
        self._flush()
        if ended:
            self._ended(streamID)
        elif not queue:
            stream.windowUpdated()
        return bool(queue)

"""HTTP/2 as a SockJS Site takes it: L{BoundedH2Connection}.

Imported only where Twisted's HTTP/2 is installed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from h2.exceptions import StreamClosedError
from twisted.web._http2 import _END_STREAM_SENTINEL, H2Connection


class BoundedH2Connection(H2Connection):
    """
    An HTTP/2 connection that sleeps while its peer gives no room for what is to be
    sent, and on which both sides may end a stream at the same time. Twisted's own goes
    round in circles in the first case, and raises in the second.
    """

    def _sendPrioritisedData(self, *args: Any) -> None:
        super()._sendPrioritisedData(*args)  # type: ignore[no-untyped-call]
        for stream, queue in self._outboundStreamQueues.items():
            if (
                queue
                and queue[0] is not _END_STREAM_SENTINEL
                and not self._room(stream)
            ):
                self.priority.block(stream)

    def dataReceived(self, data: bytes) -> None:
        """
        Read on, and wake up where that made room.
        """
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        waiting = self._sendingDeferred
        for stream, queue in self._outboundStreamQueues.items():
            if waiting is not None and queue and self._room(stream):
                self.priority.unblock(stream)
                self._sendingDeferred = None
        if waiting is not None and self._sendingDeferred is None:
            waiting.callback(None)

    def abortRequest(self, streamID: int) -> None:
        """
        Reset a stream, if the peer has not done so already.
        """
        with suppress(StreamClosedError):
            super().abortRequest(streamID)  # type: ignore[no-untyped-call]

    def _room(self, stream: int) -> bool:
        return bool(self.conn.local_flow_control_window(stream) > 0)

"""HTTP/2 as a SockJS Site takes it: `BoundedH2Connection`.

The state machine is h2's, and the streams are Twisted's, which its requests know. What
lies between them reads one frame after the other, so that nothing is done for a stream
that is gone, and reads only as long as its peer takes what it is sent.

Imported only where Twisted's HTTP/2 is installed.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from typing import Any, Final

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import NoSuchStreamError, ProtocolError
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.errors import WireError
from txsockjs.web.http2machine import (
    GOING_AWAY,
    MAX_STREAMS,
    FrameCutter,
    Machine,
    MalformedRequest,
    checkRequest,
)
from txsockjs.web.http2sender import Stream, StreamSender
from txsockjs.web.wire import Wire, wireOf

#: How many streams a client may have reset, in a burst and in each second after it
#: (CVE-2023-44487, and CVE-2025-8671 where it has the server reset them).
RESETS: Final = 1000
RESETS_PER_SECOND: Final = 33
#: So many bodies of one connection come in at a time; of the others, the first 64 KiB.
BODIES: Final = 8
#: So many frames are read before others have their turn.
FRAMES_PER_TURN: Final = 100


class StreamRefused(WireError):
    status = 503
    text = "There are as many requests on this connection as there may be."


class BrokenConnection(WireError):
    status = 400
    text = "This is no HTTP/2."


@implementer(IPushProducer)
class BoundedH2Connection(Protocol):
    """
    The server's side of an HTTP/2 connection.

    :ivar requestFactory: makes the requests.
    :ivar site: what they are for.
    :ivar timeOut: how long the first request may be waited for, and how long the peer
        may take nothing of what waits for it; None for ever. For how long a connection
        may be idle between requests, the site knows.
    :ivar abortTimeout: how long it may take nothing when the connection is closing.
    """

    factory: Any = None
    site: Any = None
    requestFactory: Any = None
    timeOut: float | None = None
    abortTimeout: float = 15
    transport: Any
    wire: Wire

    _reading = False
    _closing = False
    # Whether the peer has said that it makes no more requests, and whether it made one.
    _leaving = False
    _asked = False
    # Whether the peer was told to make no more.
    _goingAway = False
    _inputPaused = False
    # While the transport takes nothing: what the peer had taken, and since when.
    _taken = 0
    _since = 0.0
    _resets = float(RESETS)
    _turn: IDelayedCall | None = None
    _timer: IDelayedCall | None = None

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.conn: Machine = Machine()
        # Of `Stream`: Twisted's part of it is not typed.
        self.streams: dict[int, Any] = {}
        self._sender = StreamSender(
            self.conn, reactor, self._flush, self._sent, self.streams
        )
        # web/wire.py knows by this name what waits.
        self._outboundStreamQueues = self._sender.queues
        self._frames = FrameCutter()
        self._lastActive = self._resetsAt = reactor.seconds()

    def connectionMade(self) -> None:
        """
        ALPN has chosen HTTP/2.
        """
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.wire = wireOf(self.transport)
        self.conn.initiate_connection()
        self._flush()
        self.site.http2.add(self)
        self._lookAfter(self.timeOut)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stopTimers()
        self.site.http2.discard(self)
        self._loseStreams(reason)

    # What comes in.

    def dataReceived(self, data: bytes) -> None:
        """
        Read on, if all that has come before is read.
        """
        if not self._closing:
            self._frames.feed(data)
            if self._turn is None:
                self._read()

    def _read(self) -> None:
        """
        Take frames, as many as one turn gives, as long as the peer takes the answers.
        """
        self._turn = None
        if self._reading:
            return
        self._reading = True
        frames = FRAMES_PER_TURN
        try:
            while frames and not self._sender.blocked and self._readFrame():
                frames -= 1
        finally:
            self._reading = False
        if self._closing:
            return
        if not frames:
            self._turn = self._reactor.callLater(0, self._read)
        pause = self._sender.blocked or not frames
        if pause != self._inputPaused:
            self._inputPaused = pause
            if pause:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _readFrame(self) -> bool:
        """
        :return: whether there was a frame.
        """
        if self._closing:
            return False
        try:
            frame = self._frames.next(self.conn.max_inbound_frame_size)
            if not frame:
                return False
            stream = self._frames.faultyStream(frame)
            if stream in self.streams:
                self._reset(stream, ErrorCodes.PROTOCOL_ERROR)
                return True
            events = self.conn.receive_data(frame)
        except ProtocolError as error:
            # RFC 9113, section 5.4.1
            self.site.refused(b"/", BrokenConnection())
            self.conn.clear_outbound_data_buffer()
            self._close(error.error_code)
            return False
        if not self._frames.inBlock:
            self._lastActive = self._reactor.seconds()
        for event in events:
            self._handle(event)
        self._flush()
        return True

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._requestReceived(event)
        elif isinstance(event, DataReceived):
            stream = self.streams.get(event.stream_id)
            if stream is None:
                self.openStreamWindow(event.stream_id, event.flow_controlled_length)
            else:
                stream.receiveDataChunk(event.data, event.flow_controlled_length)
        elif isinstance(event, StreamEnded):
            stream = self.streams.get(event.stream_id)
            if stream is not None:
                stream.complete = True
                self._openWindows()
                stream.requestComplete()
        elif isinstance(event, StreamReset):
            self._lose(event.stream_id, ConnectionLost("The stream was reset."))
            self._countReset()
        elif isinstance(event, WindowUpdated) and event.stream_id:
            self._sender.wake([event.stream_id])
        elif isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
            self._sender.wake(self.streams)
        elif isinstance(event, TrailersReceived):
            if any(name.startswith(b":") for name, _ in event.headers):
                # RFC 9113, section 8.1
                self._reset(event.stream_id, ErrorCodes.PROTOCOL_ERROR)
        elif isinstance(event, ConnectionTerminated):
            self._leaving = True
            self._leave()

    def _requestReceived(self, event: RequestReceived) -> None:
        streamID, headers = event.stream_id, event.headers
        self._asked = True
        try:
            if len(self.streams) >= MAX_STREAMS:
                raise StreamRefused
            checkRequest(headers)
        except WireError as error:
            self.site.refused(dict(headers).get(b":path", b"/"), error)
            if isinstance(error, StreamRefused):
                # RFC 9113, section 8.7
                self._reset(streamID, ErrorCodes.REFUSED_STREAM)
            elif isinstance(error, MalformedRequest):
                self._reset(streamID, ErrorCodes.PROTOCOL_ERROR)
            else:
                self._sendHead(streamID, b"%d" % error.status, end_stream=True)
                if event.stream_ended is None:
                    self._resetStream(streamID, ErrorCodes.NO_ERROR)
            return
        if any(name == b":authority" for name, _ in headers):
            # It is the same.
            headers = [field for field in headers if field[0] != b"host"]
        self._outboundStreamQueues[streamID] = deque()
        self.streams[streamID] = Stream(  # type: ignore[no-untyped-call]
            streamID, self, headers, self.requestFactory, self.site, self.factory
        )

    def openStreamWindow(self, streamID: int, increment: int) -> None:
        """
        So much of a body was taken: the peer may send more, if it is the stream's turn.
        """
        if streamID in self._waitingBodies():
            if increment:
                self.streams[streamID].owed += increment
                self.conn.increment_flow_control_window(increment)
        else:
            self.conn.acknowledge_received_data(increment, streamID)
        self._flush()

    def _waitingBodies(self) -> list[int]:
        coming = [n for n, stream in self.streams.items() if not stream.complete]
        return coming[BODIES:]

    def _openWindows(self) -> None:
        """
        The bodies whose turn it is may come.
        """
        waiting = self._waitingBodies()
        for streamID, stream in self.streams.items():
            if stream.owed and streamID not in waiting and not stream.complete:
                self.conn.increment_flow_control_window(stream.owed, streamID)
                stream.owed = 0
        self._flush()

    # What goes out.

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Any, streamID: int
    ) -> None:
        """
        Begin a response.
        """
        if streamID in self.streams:
            self._sendHead(streamID, code, headers)

    def _send100Continue(self, streamID: int) -> None:
        self._sendHead(streamID, b"100")

    def _respondToBadRequestAndDisconnect(self, streamID: int) -> None:
        self._sendHead(streamID, b"400", end_stream=True)
        self._lose(streamID, ConnectionLost("The request was no good."))

    def _sendHead(
        self, streamID: int, code: bytes, headers: Any = (), **kw: bool
    ) -> None:
        self.conn.send_headers(streamID, [(b":status", code), *headers], **kw)
        self._flush()

    def writeDataToStream(self, streamID: int, data: bytes) -> None:
        self._sender.write(streamID, data)

    def endRequest(self, streamID: int) -> None:
        self._sender.end(streamID)

    def remainingOutboundWindow(self, streamID: int) -> int:
        return self._sender.room(streamID)

    def abortRequest(self, streamID: int) -> None:
        """
        End a response at once.
        """
        if streamID in self.streams:
            self._resetStream(streamID, ErrorCodes.CANCEL)
            self._lose(streamID, ConnectionAborted())

    def _sent(self, streamID: int) -> None:
        if not self.streams[streamID].complete:
            # RFC 9113, section 8.1
            self._resetStream(streamID, ErrorCodes.NO_ERROR)
        self._forget(streamID)

    def _flush(self) -> None:
        data = self.conn.data_to_send()
        if data and not self._closing:
            self.transport.write(data)

    # IPushProducer, as the transport sees it.

    def pauseProducing(self) -> None:
        """
        The transport holds as much as it is to.
        """
        self._sender.blocked = True
        self._since, self._taken = self._reactor.seconds(), self.wire.taken()

    def resumeProducing(self) -> None:
        self._sender.blocked = False
        self._sender.wake()
        if self._turn is None:
            self._read()

    def stopProducing(self) -> None:
        """
        The connection is lost, which is told in its own time.
        """

    # How streams and connections end.

    def _reset(self, streamID: int, code: ErrorCodes) -> None:
        """
        Reset a stream for what the peer did.
        """
        self._resetStream(streamID, code)
        self._lose(streamID, ConnectionLost("The client broke HTTP/2."))
        self._countReset()

    def _resetStream(self, streamID: int, code: ErrorCodes) -> None:
        with suppress(NoSuchStreamError):
            self.conn.reset_stream(streamID, code)
        self._flush()

    def _countReset(self) -> None:
        now = self._reactor.seconds()
        more = max(0.0, now - self._resetsAt) * RESETS_PER_SECOND
        self._resets, self._resetsAt = min(RESETS, self._resets + more) - 1, now
        if self._resets < 0:
            self._close(ErrorCodes.ENHANCE_YOUR_CALM)

    def _forget(self, streamID: int) -> None:
        del self.streams[streamID], self._outboundStreamQueues[streamID]
        self._lastActive = self._reactor.seconds()
        self._openWindows()
        self._leave()

    def _lose(self, streamID: int, why: Exception) -> None:
        stream = self.streams.get(streamID)
        if stream is not None:
            self._forget(streamID)
            stream.connectionLost(Failure(why))

    def _loseStreams(self, reason: Failure) -> None:
        streams = list(self.streams.values())
        self.streams.clear()
        self._outboundStreamQueues.clear()
        for stream in streams:
            stream.connectionLost(reason)

    def _leave(self) -> None:
        if self._leaving and not self.streams:
            self._close(ErrorCodes.NO_ERROR)

    def _look(self) -> None:
        """
        Look whether the peer goes on.
        """
        self._timer = None
        now = self._reactor.seconds()
        timeOut = math.inf if self.timeOut is None else self.timeOut
        if self._sender.blocked:
            taken = self.wire.taken()
            if taken != self._taken:
                self._since, self._taken = now, taken
            elif now - self._since >= timeOut:
                self.transport.abortConnection()
                return
        for streamID, stream in list(self.streams.items()):
            if stream.stuck is not None and now - stream.stuck >= timeOut:
                self._reset(streamID, ErrorCodes.CANCEL)
        patience = self.site.keepAlive if self._asked else self.timeOut
        if patience is None or self.streams:
            self._lookAfter(patience)
        elif (rest := patience - (now - self._lastActive)) <= 0:
            self._close(ErrorCodes.NO_ERROR)
        else:
            self._lookAfter(rest)

    def _lookAfter(self, rest: float | None) -> None:
        """
        Look when this time has passed, if no other time-out may end before.
        """
        times = [rest, self.timeOut, self.site.keepAlive]
        known = [each for each in times if each is not None]
        if known and not self._closing:
            self._timer = self._reactor.callLater(min(known), self._look)

    def goAway(self) -> None:
        """
        Have the peer make further requests on another connection. Those that it has
        made, or makes before it knows, are answered. (RFC 9113, section 6.8)
        """
        if not (self._goingAway or self._closing):
            self._goingAway = True
            self.transport.write(GOING_AWAY)

    def close(self) -> None:
        """
        Close the connection. The peer learns which of its requests nobody has seen.
        """
        self._close(ErrorCodes.NO_ERROR)

    def _close(self, code: ErrorCodes) -> None:
        """
        Say goodbye and why, and wait until the peer has taken that.
        """
        if self._closing:
            return
        self.conn.close_connection(code)
        self._flush()
        self._stopTimers()
        if self._inputPaused:
            # The peer's own goodbye is to be heard.
            self.transport.resumeProducing()
        # As long as there is a producer, TLS does not close.
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._linger()
        self._loseStreams(Failure(ConnectionLost(f"HTTP/2 ended with {code!r}.")))

    def _linger(self) -> None:
        self._taken = self.wire.taken()
        self._timer = self._reactor.callLater(self.abortTimeout, self._lookAgain)

    def _lookAgain(self) -> None:
        self._timer = None
        if self.wire.taken() == self._taken:
            self.transport.abortConnection()
        else:
            self._linger()

    def _stopTimers(self) -> None:
        self._closing = True
        for call in (self._turn, self._timer):
            if call is not None:
                call.cancel()
        self._turn = self._timer = None

    # What streams ask.

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()  # type: ignore[no-any-return]

    def getHost(self) -> IAddress:
        return self.transport.getHost()  # type: ignore[no-any-return]

    def _isSecure(self) -> bool:
        return ISSLTransport(self.transport, None) is not None

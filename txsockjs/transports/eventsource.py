"""The transport ``eventsource``. (PROTOCOL section 7)"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.web.server import Request

from txsockjs.core.frames import Frame
from txsockjs.transports.receiving import ReceivingResource
from txsockjs.web.headers import Policy


def formatEvent(frame: Frame) -> bytes:
    # The client runs decodeURI over the data.
    return b"data: %b\r\n\r\n" % frame.data.replace(b"%", b"%25")


class EventSource(ReceivingResource):
    """
    ``eventsource``: frames as server-sent events, until the response limit.
    """

    transport = "eventsource"
    method = b"GET"
    policy: ClassVar[Policy] = Policy.SESSION | Policy.STREAMING
    contentType = b"text/event-stream"
    streaming = True

    def prelude(self, request: Request) -> bytes:
        return b"\r\n"

    def format(self, request: Request) -> Callable[[Frame], bytes]:
        return formatEvent

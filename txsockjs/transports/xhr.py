"""The transports ``xhr``, ``xhr_streaming`` and ``xhr_send``. (PROTOCOL section 7)"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.web.server import Request

from txsockjs.core.frames import Frame
from txsockjs.transports.receiving import ReceivingResource
from txsockjs.transports.sending import SendingResource
from txsockjs.web.headers import Policy

_PRELUDE = b"h" * 2048 + b"\n"


def formatLine(frame: Frame) -> bytes:
    return frame.data + b"\n"


class XHRPolling(ReceivingResource):
    """
    ``xhr``: one frame a response.
    """

    transport = "xhr"
    method = b"POST"
    policy = Policy.SESSION
    contentType = b"application/javascript; charset=UTF-8"

    def format(self, request: Request) -> Callable[[Frame], bytes]:
        return formatLine


class XHRStreaming(XHRPolling):
    """
    ``xhr_streaming``: frames until the response limit.
    """

    transport = "xhr_streaming"
    policy: ClassVar[Policy] = Policy.SESSION | Policy.STREAMING
    streaming = True

    def prelude(self, request: Request) -> bytes:
        # Some browsers show nothing of a response before its first 2 kB.
        return _PRELUDE


class XHRSend(SendingResource):
    """
    ``xhr_send``: messages from the client, as JSON of any content type.
    """

    code = 204
    body = b""

"""The transports ``jsonp`` and ``jsonp_send``. (PROTOCOL section 7)"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.web.server import Request

from txsockjs.core.frames import Frame
from txsockjs.transports.callbacks import callback
from txsockjs.transports.receiving import ReceivingResource
from txsockjs.transports.sending import SendingResource
from txsockjs.web.headers import Policy


class JSONPPolling(ReceivingResource):
    """
    ``jsonp``: one frame a response, as a call of a function on the page.
    """

    transport = "jsonp"
    method = b"GET"
    policy: ClassVar[Policy] = Policy.SESSION | Policy.NOSNIFF | Policy.EMBEDDED
    contentType = b"application/javascript; charset=UTF-8"

    def format(self, request: Request) -> Callable[[Frame], bytes]:
        name = callback(request)

        def formatCall(frame: Frame) -> bytes:
            # The comment keeps a body from passing for a file that the name begins.
            return b"/**/%b(%b);\r\n" % (name, frame.requoted)

        return formatCall


class JSONPSend(SendingResource):
    """
    ``jsonp_send``: messages from the client, in a form's field ``d`` or as plain JSON.
    """

    policy: ClassVar[Policy] = Policy.SESSION | Policy.NOSNIFF | Policy.EMBEDDED
    code = 200
    body = b"ok"
    form = True

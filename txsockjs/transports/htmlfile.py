"""The transport ``htmlfile``. (PROTOCOL section 7)"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from twisted.web.server import Request

from txsockjs.core.frames import Frame
from txsockjs.transports.callbacks import callback
from txsockjs.transports.receiving import ReceivingResource
from txsockjs.web.headers import Policy

_PRELUDE: Final = b"""\
<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.%b;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>
"""


def formatScript(frame: Frame) -> bytes:
    # Nothing in a message may end the script; U+2028 and U+2029 are escaped in every
    # frame.
    literal = frame.requoted.replace(b"<", b"\\u003c").replace(b">", b"\\u003e")
    return b"<script>\np(%b);\n</script>\r\n" % literal


class HTMLFile(ReceivingResource):
    """
    ``htmlfile``: frames as scripts of an endless page, until the response limit.
    """

    transport = "htmlfile"
    method = b"GET"
    policy: ClassVar[Policy] = (
        Policy.SESSION | Policy.STREAMING | Policy.NOSNIFF | Policy.EMBEDDED
    )
    contentType = b"text/html; charset=UTF-8"
    streaming = True

    def prelude(self, request: Request) -> bytes:
        # Browsers run no script of a page before its first 1 kB.
        return (_PRELUDE % callback(request)).ljust(1024) + b"\r\n\r\n"

    def format(self, request: Request) -> Callable[[Frame], bytes]:
        callback(request)
        return formatScript

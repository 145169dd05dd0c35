"""The function on a page that the answers of ``jsonp`` and ``htmlfile`` call."""

from __future__ import annotations

import re
from typing import Final

from twisted.web.server import Request

from txsockjs.errors import CallbackRequired, InvalidCallback

# Longer than any client's own name by far; short of what a file in disguise needs.
_CALLBACK: Final = re.compile(rb"[a-zA-Z0-9_.-]{1,128}")


def callback(request: Request) -> bytes:
    """
    The name of the function that the browser wants called. (PROTOCOL section 7)

    The last of several is the client's own: it adds it to a URL that may have a query.

    :raise WireError: if there is none, or it is not a plain name.
    """
    names = request.args.get(b"c") or request.args.get(b"callback", [b""])
    name: bytes = names[-1]
    if not name:
        raise CallbackRequired
    if not _CALLBACK.fullmatch(name):
        raise InvalidCallback
    return name

"""Who somebody is: a cookie that says a name and for how long, and is signed."""

import hmac
import os
import secrets
import time
from urllib.parse import quote, unquote

from txsockjs import OpeningRequest, Rejected

#: What cookies are signed with. All programs of the chat have to have the same.
SECRET = os.environ.get("CHAT_SECRET") or secrets.token_hex()


def signature(text: str) -> str:
    return hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()


def sign(name: str, seconds: float = 43200) -> str:
    """A cookie for somebody who has logged in."""
    text = f"{quote(name, safe='')}:{int(time.time() + seconds)}"
    return f"{text}:{signature(text)}"


def authorize(request: OpeningRequest) -> str:
    """Who is calling: the name becomes the session's avatar."""
    text, _, signed = request.cookies.get("chat", "").rpartition(":")
    if not hmac.compare_digest(signed.encode(), signature(text).encode()):
        raise Rejected(4401, "Log in first")
    name, _, expires = text.rpartition(":")
    if int(expires) < time.time():
        raise Rejected(4401, "Log in again")
    return unquote(name)

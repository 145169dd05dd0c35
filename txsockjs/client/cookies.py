"""The cookies of a client."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from typing import Any, Final
from urllib.request import Request

from treq.cookies import scoped_cookie
from twisted.web.http_headers import Headers

#: How many cookies a server can make a client keep, as RFC 6265, section 6.1, has it.
MAX_COOKIES: Final = 50

#: How many bytes one of them may have, with its name.
MAX_COOKIE: Final = 4096


class BoundedJar(CookieJar):
    """
    A jar that no server fills without end: what is too large, or one too many, is not
    kept.
    """

    def set_cookie(self, cookie: Cookie) -> None:
        others = [
            other
            for other in self
            if (other.domain, other.path, other.name)
            != (cookie.domain, cookie.path, cookie.name)
        ]
        size = len(cookie.name) + len(cookie.value or "")
        if len(others) < MAX_COOKIES and size <= MAX_COOKIE:
            super().set_cookie(cookie)


def fill(jar: CookieJar, url: str, cookies: Mapping[str, str]) -> None:
    """
    Keep cookies that are for the host of one URL.
    """
    for name, value in cookies.items():
        cookie = scoped_cookie(url, name, value)
        if ":" in cookie.domain:
            # The standard library's jars know an address of IPv6 by its brackets, and
            # no port of it.
            cookie.port, cookie.port_specified = None, False
            cookie.domain = f"[{cookie.domain.removesuffix('.local')}].local"
        jar.set_cookie(cookie)


def header(jar: CookieJar, url: str) -> str | None:
    """
    What the header ``Cookie`` of a request has, or None.
    """
    request = Request(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


class _Response:
    """
    As much of a response of ``urllib`` as a jar looks at.
    """

    def __init__(self, headers: Headers) -> None:
        self._message = Message()
        for value in headers.getRawHeaders("Set-Cookie", []):
            self._message["Set-Cookie"] = value

    def info(self) -> Message:
        return self._message


def keep(jar: CookieJar, url: str, headers: Headers) -> None:
    """
    Keep the cookies that a response sets.
    """
    response: Any = _Response(headers)
    jar.extract_cookies(response, Request(url))

"""Where a client lets itself be redirected to: `follow`."""

from __future__ import annotations

from typing import Final, Protocol

from hyperlink import URL
from twisted.web.http_headers import Headers

from txsockjs.client.servers import Server, encoded
from txsockjs.errors import RequestFailed

#: How many times one request is redirected at the most.
MAX_REDIRECTIONS: Final = 10

#: The statuses that redirect.
REDIRECTIONS: Final = (301, 302, 303, 307, 308)

# Those that keep the method (RFC 9110, section 15.4).
_KEEPING: Final = (307, 308)


class Redirecting(Protocol):
    """
    What has to be known of a response.

    :ivar url: where it comes from.
    :ivar code: its status.
    :ivar status: that, with its phrase.
    :ivar headers: its headers.
    """

    @property
    def url(self) -> str: ...

    @property
    def code(self) -> int: ...

    @property
    def status(self) -> str: ...

    @property
    def headers(self) -> Headers: ...


def follow(method: str, response: Redirecting, count: int) -> str:
    """
    Tell where a response redirects a request to.

    :param method: the request's.
    :param count: how often it has been redirected, with this time.
    :return: a URL.
    :raise RequestFailed: if that is not followed.
    """
    url = response.url
    locations = response.headers.getRawHeaders("Location", [])
    problem = None
    if not locations:
        problem = "to nowhere: there is no Location"
    elif count > MAX_REDIRECTIONS:
        problem = f"more than {MAX_REDIRECTIONS} times, now to {locations[0]}"
    elif response.code not in _KEEPING and method not in ("GET", "HEAD"):
        problem = f"to {locations[0]}, which {method} does not follow: use that URL"
    else:
        try:
            target = encoded(URL.from_text(url).click(locations[0])).to_text()
            there = Server(target)
        except ValueError:
            problem = f"to {locations[0]!r}, which is no URL"
        else:
            if not target.startswith(("http:", "https:")):
                problem = f"to {target}, which is not HTTP"
            elif Server(url).secure and not there.secure:
                problem = f"to {target}, which is not followed: it has no TLS"
            else:
                return target
    raise RequestFailed(f"{url}: {response.status}: redirected {problem}")

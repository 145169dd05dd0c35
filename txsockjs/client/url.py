"""Where a service is: `SockJSURL`. (PROTOCOL sections 1 and 9.)"""

from __future__ import annotations

import secrets
from typing import Final

import attrs
from hyperlink import DecodedURL, EncodedURL, URLParseError

from txsockjs.client.servers import encoded
from txsockjs.errors import InvalidURL

# What a WebSocket is reached by is the same host and port as without it.
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# How many random bytes the id of a session has: who knows it can take the session.
_RANDOM: Final = 16


@attrs.frozen
class SockJSURL:
    """
    The base URL of a service.

    :ivar base: the URL without a slash at its end and without its query, as in
        ``https://example.com/echo``.
    :ivar query: its query with the question mark, or nothing. It goes to every URL of
        the service.
    """

    base: str
    query: str = ""

    @classmethod
    def parse(cls, url: str | EncodedURL | DecodedURL) -> SockJSURL:
        """
        Check a URL that somebody has given.

        :param url: with ``http``, ``https``, ``ws`` or ``wss``; the latter mean
            ``http`` and ``https``.
        :raise InvalidURL: for anything else.
        """
        if isinstance(url, DecodedURL):
            url = url.encoded_url
        try:
            if not isinstance(url, EncodedURL):
                if not isinstance(url, str):
                    raise ValueError(f"a URL is a str, not {type(url).__name__}")
                if not url.isprintable() or " " in url:
                    raise ValueError("white space is written %20 in a URL")
                url = EncodedURL.from_text(url)
            parsed = encoded(url.normalize())
        except (ValueError, URLParseError) as problem:
            raise InvalidURL(f"{url!r} is no URL: {problem}") from None
        scheme = _SCHEMES.get(parsed.scheme)
        if scheme is None or not parsed.host:
            raise InvalidURL(
                f"{url.to_text()!r} will not do; a service is reached at a URL such as "
                "'https://example.com/echo', with http, https, ws or wss"
            )
        if parsed.userinfo:
            raise InvalidURL(
                f"the URL for {parsed.host!r} has a user name; give it as a header: "
                "Authorization"
            )
        if parsed.fragment:
            raise InvalidURL(
                f"{url.to_text()!r} has a fragment, which no server gets; write # as "
                "%23, or leave it out"
            )
        # The port of ws is that of http, and so is that of wss and https.
        bare = parsed.replace(scheme=scheme, port=parsed.port, query=())
        text = bare.to_text().rstrip("/")
        _, mark, query = parsed.to_text().partition("?")
        return cls(text, mark + query)

    @property
    def secure(self) -> bool:
        """
        Whether it is reached over TLS.
        """
        return self.base.startswith("https:")

    def session(self) -> str:
        """
        The URL of a new session, without the transport. Only who has it can take the
        session. The number is for load balancers.
        """
        number = secrets.randbelow(1000)
        return f"{self.base}/{number:03}/{secrets.token_hex(_RANDOM)}"

    @property
    def info(self) -> str:
        """
        Where the service says what it offers.
        """
        return f"{self.base}/info{self.query}"

    @property
    def raw(self) -> str:
        """
        The URL of the raw WebSocket.
        """
        return f"{self.base}/websocket"

    def __str__(self) -> str:
        return self.base + self.query

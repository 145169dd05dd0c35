"""Which server a URL names: `Server`."""

from __future__ import annotations

from typing import Final

from hyperlink import URL

from txsockjs.errors import InvalidURL

_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}


def encoded(url: URL) -> URL:
    """
    A URL as it goes over the network: in ASCII.

    :raise ValueError: if its host is no name that can be.
    """
    # ``to_uri`` takes an address of IPv6 for a name.
    host = url.host if ":" in url.host else ""
    if not host:
        return url.to_uri()
    return url.replace(host="ipv6").to_uri().replace(host=host)


class SentURL(URL):
    """
    A URL that is as it goes over the network, for who would make it so once more.
    """

    @classmethod
    def of(cls, text: str) -> URL:
        """
        :raise ValueError: if the host is no name that can be.
        """
        sent: URL = cls.from_text(encoded(URL.from_text(text)).to_text())
        return sent

    def to_uri(self) -> URL:
        return self


class Server:
    """
    What of a URL says which server it is.

    :ivar secure: whether TLS is spoken with it.
    :ivar host: its name or address, in ASCII.
    :ivar port: its port.
    """

    def __init__(self, url: str) -> None:
        """
        :param url: a URL with ``http``, ``https``, ``ws`` or ``wss``.
        :raise InvalidURL: if it is none.
        """
        try:
            parsed = encoded(URL.from_text(url))
        except ValueError as error:
            raise InvalidURL(f"{url!r} is no URL: {error}") from None
        if parsed.scheme not in _SECURE or not parsed.host:
            raise InvalidURL(f"{url!r} is no URL of HTTP or of a WebSocket")
        self.secure: bool = _SECURE[parsed.scheme]
        self.host: str = parsed.host.lower()
        self.port: int = parsed.port or (443 if self.secure else 80)

    def isTrusted(self, first: Server) -> bool:
        """
        Whether it may be told what was meant for another: it is the same, or the same
        with TLS.
        """
        pair = (first.secure, first.port), (self.secure, self.port)
        return self.host == first.host and (
            pair[0] == pair[1] or pair == ((False, 80), (True, 443))
        )

    def __str__(self) -> str:
        return place(self.host, self.port)


def place(host: str, port: int) -> str:
    """
    Write a host and a port as URLs have them.
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def httpURL(url: str) -> str:
    """
    The URL with ``http`` that is at the same place as one of a WebSocket.
    """
    scheme, colon, rest = url.partition(":")
    return {"ws": "http", "wss": "https"}.get(scheme, scheme) + colon + rest

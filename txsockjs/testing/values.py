"""What a browser adds to its requests, from plain values: `Opening`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, TypedDict
from urllib.parse import urlencode

import attrs
from twisted.internet.address import IPv4Address, IPv6Address

Text: TypeAlias = "str | bytes"

#: What requests take as headers: a dict, or pairs to repeat a name.
RequestHeaders: TypeAlias = "Mapping[str, Text] | Iterable[tuple[str, Text]]"

#: What they take as a query: a dict, with a list where a name has several values;
#: pairs; or the text that it is in the URL.
Query: TypeAlias = "Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]] | str"

#: A client's address, or its host alone, such as ``"198.51.100.9"``.
Peer: TypeAlias = "IPv4Address | IPv6Address | str"

# RFC 9110, section 5.6.2; RFC 6265, section 4.1.1.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COOKIE: Final = re.compile(r'"?[!#-+\--:<-\[\]-~]*"?')


class SessionValues(TypedDict, total=False):
    """
    What `MemoryClient.session <txsockjs.testing.MemoryClient.session>` takes by name.
    """

    query: Query
    headers: RequestHeaders
    cookies: Mapping[str, str] | None
    origin: str | None
    subprotocols: Sequence[str]
    peer: Peer | None


def headerPairs(headers: RequestHeaders) -> list[tuple[str, Text]]:
    """
    Headers as pairs.
    """
    return list(headers.items() if isinstance(headers, Mapping) else headers)


@attrs.frozen
class Opening:
    """
    What each request of a browser, or of a session, has.

    :ivar headers: headers of its own.
    :ivar cookies: its cookies, by name.
    :ivar origin: the origin of the page, if one is told.
    """

    headers: tuple[tuple[str, Text], ...] = ()
    cookies: Mapping[str, str] = attrs.field(factory=dict)
    origin: str | None = None

    def adding(
        self,
        headers: RequestHeaders = (),
        cookies: Mapping[str, str] | None = None,
        origin: str | None = None,
    ) -> Opening:
        """
        The same with more; what is given here is in place of what has the same name.

        :raise ValueError: for what no browser can send.
        """
        more = headerPairs(headers)
        names = {name.lower() for name, _ in more}
        kept = [pair for pair in self.headers if pair[0].lower() not in names]
        for name, value in more:
            _checkHeader(name, value)
        for name, value in (cookies or {}).items():
            _checkCookie(name, value)
        if origin is not None:
            _checkHeader("Origin", origin)
        return Opening(
            (*kept, *more),
            {**self.cookies, **(cookies or {})},
            self.origin if origin is None else origin,
        )

    def pairs(self, headers: RequestHeaders = ()) -> list[tuple[str, Text]]:
        """
        All of it as headers.

        :param headers: those of one request, in place of what has the same name.
        """
        more = headerPairs(headers)
        names = {name.lower() for name, _ in more}
        found = list(self.headers)
        if self.cookies:
            cookies = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
            found.append(("Cookie", cookies))
        if self.origin is not None:
            found.append(("Origin", self.origin))
        return [pair for pair in found if pair[0].lower() not in names] + more


def queryOf(query: Query) -> str:
    """
    The text of a query, without the question mark.
    """
    if isinstance(query, str):
        return query.removeprefix("?")
    if isinstance(query, Mapping):
        return urlencode(
            {
                name: value if isinstance(value, str) else list(value)
                for name, value in query.items()
            },
            doseq=True,
        )
    return urlencode(list(query))


def withQuery(path: str, query: Query) -> str:
    """
    A path with a query, or with more of one.
    """
    text = queryOf(query)
    if not text:
        return path
    return f"{path}{'&' if '?' in path else '?'}{text}"


def _checkHeader(name: str, value: Text) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header: it is letters, digits, -")
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"the header {name} is str, not {value!r}: use str() on it")
    try:
        text = value.encode("ascii") if isinstance(value, str) else value
        text.decode("utf-8")
    except UnicodeError:
        raise ValueError(
            f"the header {name} cannot have the value {value!r}: it is ASCII; for what "
            f"is not, give the bytes in UTF-8"
        ) from None
    if set(text) & set(b"\r\n\0"):
        raise ValueError(
            f"the header {name} cannot have the value {value!r}: it is one line"
        )


def _checkCookie(name: str, value: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"the cookie {name} is str, not {value!r}: use str() on it")
    if not _TOKEN.fullmatch(name) or not _COOKIE.fullmatch(value):
        raise ValueError(
            f"no browser sends the cookie {name!r} with the value {value!r}: quote it, "
            f"with urllib.parse.quote, as your application does"
        )

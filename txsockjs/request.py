"""The request that opened a session, as the application sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

if TYPE_CHECKING:
    from OpenSSL.crypto import X509


# An address as what the garbage collector need not walk: of TCP over IPv4 its host and
# port, over IPv6 what that has beside.
_Kept = IAddress | tuple[str, int] | tuple[str, int, int, str | int]


def _keep(address: IAddress) -> _Kept:
    kept: Any = address
    if type(address) is IPv4Address and kept.type == "TCP":
        return kept.host, kept.port
    if type(address) is IPv6Address and kept.type == "TCP":
        return kept.host, kept.port, kept.flowInfo, kept.scopeID
    return address


def _address(kept: _Kept) -> IAddress:
    if not isinstance(kept, tuple):
        return kept
    return IPv4Address("TCP", *kept) if len(kept) == 2 else IPv6Address("TCP", *kept)


@lru_cache(64)
def _once(kept: tuple[Any, ...]) -> tuple[Any, ...]:
    return kept


def _keepHost(address: IAddress) -> _Kept:
    """
    The same for an address that many have: a server has few of its own.
    """
    kept: Any = _keep(address)
    return _once(kept) if isinstance(kept, tuple) else kept


_NOTHING: Final[Mapping[bytes, Any]] = MappingProxyType({})


def _filled(mapping: Mapping[bytes, Any]) -> Mapping[bytes, Any]:
    return mapping or _NOTHING


def joined(headers: Iterable[tuple[bytes, Iterable[bytes]]]) -> bytes:
    """
    Headers as lines of HTTP/1: one object, where each name and value would be three.
    """
    return b"\r\n".join(
        [b"%b: %b" % (name, value) for name, values in headers for value in values]
    )


@attrs.frozen(kw_only=True, eq=False)
class OpeningRequest:
    """
    The request that opened a session, as it was then. Text is latin-1 where HTTP does
    not say better.

    :ivar path: the URL's path, without the query, still percent-encoded; ``-`` stands
        in place of the session's id, since who knows that can take the session.
    :ivar service: the name of the service; its prefix, where it has one.
    :ivar transport: the SockJS name of the transport, such as ``"xhr_streaming"``.
    :ivar subprotocol: what client and server have agreed to speak over a WebSocket, by
        the option ``subprotocols``; None where they have agreed to nothing.
    :ivar secure: whether it came over TLS.
    :ivar certificate: the client's TLS certificate, if it showed one.
    """

    service: str = ""
    transport: str
    subprotocol: str | None = None
    secure: bool
    _peer: _Kept = attrs.field(alias="peer", converter=_keep)
    _host: _Kept = attrs.field(alias="host", converter=_keepHost)
    certificate: X509 | None = None
    path: str
    _args: Mapping[bytes, Iterable[bytes]] = attrs.field(
        default=_NOTHING, converter=_filled, repr=False
    )
    # The lines that it came with, and its cookies where these do not tell them.
    _headers: bytes = attrs.field(default=b"", repr=False)
    _cookies: Mapping[bytes, bytes] | None = attrs.field(default=None, repr=False)

    @property
    def peer(self) -> IAddress:
        """
        The client's address, from the option ``proxy_header`` if that is set.
        """
        return _address(self._peer)

    @property
    def host(self) -> IAddress:
        """
        The address that the client connected to.
        """
        return _address(self._host)

    @cached_property
    def args(self) -> Mapping[str, tuple[str, ...]]:
        """
        The query's arguments, each with all its values.
        """
        return MappingProxyType(
            {
                name.decode("utf-8", "replace"): tuple(
                    value.decode("utf-8", "replace") for value in values
                )
                for name, values in self._args.items()
            }
        )

    @cached_property
    def headers(self) -> Mapping[str, tuple[str, ...]]:
        """
        The headers by lower-case name, each with all its values.
        """
        fields: dict[str, tuple[str, ...]] = {}
        for line in self._headers.decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                name = name.lower()
                fields[name] = (*fields.get(name, ()), value.strip(" \t"))
        return MappingProxyType(fields)

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """
        The cookies that came with it.
        """
        if self._cookies is not None:
            return MappingProxyType(
                {
                    name.decode("latin-1"): value.decode("latin-1")
                    for name, value in self._cookies.items()
                }
            )
        cookies: dict[str, str] = {}
        for line in self.headers.get("cookie", ()):
            # As twisted.web reads them.
            for pair in line.split(";"):
                name, equals, value = pair.lstrip().partition("=")
                if equals:
                    cookies[name] = value
        return MappingProxyType(cookies)

"""The request that opened a session, as the application sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

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
    _host: _Kept = attrs.field(alias="host", converter=_keep)
    certificate: X509 | None = None
    path: str
    _args: Mapping[bytes, Iterable[bytes]] = attrs.field(factory=dict, repr=False)
    _headers: tuple[tuple[bytes, tuple[bytes, ...]], ...] = attrs.field(
        default=(), repr=False
    )
    _cookies: Mapping[bytes, bytes] = attrs.field(factory=dict, repr=False)

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
        return MappingProxyType(
            {
                name.decode("latin-1").lower(): tuple(
                    value.decode("latin-1") for value in values
                )
                for name, values in self._headers
            }
        )

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """
        The cookies that came with it.
        """
        return MappingProxyType(
            {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in self._cookies.items()
            }
        )

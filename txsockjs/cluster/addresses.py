"""Where the other processes of a cluster reach one: `Place`."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import attrs
from twisted.internet.address import IPv4Address, IPv6Address

_TLS = "tls:"


@attrs.frozen
class Place:
    """
    Where a process is reached.

    :ivar secure: whether it is by TLS.
    """

    host: str
    port: int
    secure: bool = False

    @classmethod
    def parse(cls, text: str) -> Place:
        """
        Read ``HOST:PORT`` or ``tls:HOST:PORT``, with an address of IPv6 in brackets.

        :raise ValueError: if it is neither.
        """
        rest = text.removeprefix(_TLS)
        try:
            parts = urlsplit(f"//{rest}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not (host and port) or parts.path or "@" in rest or not rest.isascii():
            raise ValueError(
                f"the address of a process is HOST:PORT or tls:HOST:PORT, not {text!r}"
            )
        return cls(host, port, text.startswith(_TLS))

    def format(self) -> str:
        """
        What `parse` reads.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_TLS * self.secure}{host}:{self.port}"


def placeOf(address: object, description: str) -> Place:
    """
    Where others reach what listens at an address.

    :param description: the endpoint string that it came from.
    :raise ValueError: if that does not say it.
    """
    if description.partition(":")[0] in ("ssl", "tls"):
        raise ValueError(
            f"{description}: for TLS, others need the host's name that is in the "
            "certificate: tls:HOST:PORT"
        )
    if not isinstance(address, (IPv4Address, IPv6Address)):
        raise ValueError(f"{description}: others cannot know from this where it is")
    if ip_address(address.host.partition("%")[0]).is_unspecified:
        raise ValueError(
            f"{description}: this is all addresses of the machine; say at which of "
            "them others reach it"
        )
    return Place(address.host, address.port)

"""Addresses as URLs: `urlOf`, `ofAll`."""

from __future__ import annotations

from typing import Final

from twisted.internet.address import IPv4Address, IPv6Address

#: What stands for all interfaces, and an address of this machine to open for it.
_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def urlOf(address: object, description: str) -> str:
    """
    What to open in a browser, where an address can be opened.

    :param address: where something listens.
    :param description: the endpoint string that it came from.
    """
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return description
    scheme = "https" if description.partition(":")[0] in ("ssl", "tls") else "http"
    host = _LOCAL.get(address.host, address.host)
    if isinstance(address, IPv6Address):
        host = f"[{host}]"
    return f"{scheme}://{host}:{address.port}/"


def ofAll(address: object) -> str:
    """
    What to say after a URL of an address that stands for all that the machine has.

    :param address: where something listens.
    """
    return " (all interfaces)" if getattr(address, "host", None) in _LOCAL else ""

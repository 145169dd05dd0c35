"""Addresses as URLs: `urlOf`."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address


def urlOf(address: object, description: str) -> str:
    """
    What to open in a browser, where an address can be opened.

    :param address: where something listens.
    :param description: the endpoint string that it came from.
    """
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return description
    scheme = "https" if description.partition(":")[0] in ("ssl", "tls") else "http"
    host = f"[{address.host}]" if isinstance(address, IPv6Address) else address.host
    return f"{scheme}://{host}:{address.port}/"

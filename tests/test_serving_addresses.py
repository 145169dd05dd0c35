"""Tests for `txsockjs.serving.addresses`."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.serving.addresses import ofAll, urlOf


class AddressTests(SynchronousTestCase):
    """
    Where something listens, as people read it.
    """

    def test_one(self) -> None:
        """
        An address of one interface is shown as it is.
        """
        address = IPv4Address("TCP", "127.0.0.2", 8080)
        shown = urlOf(address, "tcp:8080") + ofAll(address)
        self.assertEqual(shown, "http://127.0.0.2:8080/")

    def test_all(self) -> None:
        """
        For all interfaces there is one that a browser can open, and a word about it.
        """
        for address, description, shown in (
            (IPv4Address("TCP", "0.0.0.0", 80), "tcp:80", "http://127.0.0.1:80/"),
            (IPv6Address("TCP", "::", 443), "ssl:443", "https://[::1]:443/"),
        ):
            self.assertEqual(urlOf(address, description), shown)
            self.assertEqual(ofAll(address), " (all interfaces)")

    def test_path(self) -> None:
        """
        A UNIX socket is shown by its string.
        """
        address = UNIXAddress("/s")
        self.assertEqual(urlOf(address, "unix:/s") + ofAll(address), "unix:/s")

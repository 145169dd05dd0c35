"""Where the processes of a cluster reach each other."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.addresses import Place, placeOf


class PlaceTests(SynchronousTestCase):
    """
    `Place`.
    """

    def test_parse(self) -> None:
        """
        It is a host and a port, of TLS if it says so, and is written as it is read.
        """
        for text, place in (
            ("10.0.0.1:7000", Place("10.0.0.1", 7000)),
            ("a.example:7000", Place("a.example", 7000)),
            ("[2001:db8::1]:7000", Place("2001:db8::1", 7000)),
            ("tls:a.example:443", Place("a.example", 443, True)),
        ):
            self.assertEqual(Place.parse(text), place)
            self.assertEqual(place.format(), text)

    def test_bad(self) -> None:
        """
        What is none is named.
        """
        for text in "", "a", "a:", ":1", "a:0", "a:70000", "u@a:1", "a:1/x", "\xe4:1":
            error = self.assertRaises(ValueError, Place.parse, text)
            self.assertIn(repr(text), str(error))

    def test_listening(self) -> None:
        """
        Where something listens tells where it is, if that is one address.
        """
        place = placeOf(IPv4Address("TCP", "10.0.0.1", 7), "tcp:7:interface=10.0.0.1")
        self.assertEqual(place, Place("10.0.0.1", 7))
        for address, description, words in (
            (IPv4Address("TCP", "0.0.0.0", 7), "tcp:7", "all addresses"),
            (IPv6Address("TCP", "::", 7), "tcp6:7", "all addresses"),
            (IPv4Address("TCP", "10.0.0.1", 7), "ssl:7", "certificate"),
            (UNIXAddress(b"/x"), "unix:/x", "cannot know"),
        ):
            error = self.assertRaises(ValueError, placeOf, address, description)
            self.assertIn(words, str(error))

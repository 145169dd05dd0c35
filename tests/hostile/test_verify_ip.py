"""Somebody who knows a session's id, but comes from elsewhere: ``verify_ip``."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import Socket
from txsockjs.testing import MemoryClient, MemoryResponse

URLS = [
    ("POST", "/0/s/xhr"),
    ("POST", "/0/s/xhr_streaming"),
    ("GET", "/0/s/eventsource"),
    ("GET", "/0/s/htmlfile?c=f"),
    ("GET", "/0/s/jsonp?c=f"),
    ("POST", "/0/s/xhr_send"),
    ("POST", "/0/s/jsonp_send"),
]


class VerifyTests(ServiceCase):
    def ask(self, host: str, port: int = 1, headers: Any = ()) -> list[MemoryResponse]:
        """
        Make every request for the session, from a host.
        """
        kind = IPv6Address if ":" in host else IPv4Address
        client = MemoryClient(self.site, kind("TCP", host, port))
        return [
            client.request(method, path, headers, b'["a"]' if method == "POST" else b"")
            for method, path in URLS
        ]

    def test_elsewhere(self) -> None:
        """
        404 for all of them; the session hears and loses nothing.
        """
        self.serve(Echo, verify_ip=True)
        session = self.open("s")
        session.transport.write(b"secret")
        for response in self.ask("192.0.2.8"):
            self.assertRefused(response, 404)
            self.assertNotIn(b"secret", response.body)
        self.assertEqual(self.post("/0/s/xhr").body, b'a["secret"]\n')
        self.assertEqual((session.received, session.lost), ([], []))

    def test_otherPort(self) -> None:
        """
        The same host is let in from any port.
        """
        self.serve(Echo, verify_ip=True)
        self.open("s")
        self.assertNotIn(404, [each.status for each in self.ask("192.0.2.7", 7)[-2:]])

    def test_off(self) -> None:
        """
        Without the option the id alone decides, as the protocol has it.
        """
        self.serve(Echo)
        self.open("s")
        self.assertEqual(self.ask("192.0.2.8")[-1].body, b"ok")

    def test_byProxy(self) -> None:
        """
        Behind a proxy the host that the proxy names decides.
        """
        self.serve(Echo, verify_ip=True, proxy_header="X-Forwarded-For")
        mine = {"X-Forwarded-For": "198.51.100.1"}
        self.post("/0/s/xhr", b"", mine)
        other = self.ask("192.0.2.7", headers={"X-Forwarded-For": "198.51.100.2"})
        self.assertEqual({each.status for each in other}, {404})
        self.assertEqual(self.ask("192.0.2.99", headers=mine)[-1].body, b"ok")

    def test_afterTheClose(self) -> None:
        """
        Nobody else gets the close frame that still waits.
        """
        self.serve(Echo, verify_ip=True)
        self.open("s").transport.loseConnection(4001, "secret")
        self.assertEqual({each.status for each in self.ask("192.0.2.8")}, {404})
        self.assertEqual(self.post("/0/s/xhr").body, b'c[4001,"secret"]\n')

    def test_webSocket(self) -> None:
        """
        A WebSocket with the same id is a session of its own, from anywhere.
        """
        self.serve(Echo, verify_ip=True)
        self.open("s")
        address = IPv4Address("TCP", "192.0.2.8", 1)
        socket = Socket(self.connect(peer=address), "/0/s/websocket")
        socket.say('"a"')
        self.assertEqual(socket.texts, [b"o", b'a["a"]'])

    def test_version6(self) -> None:
        """
        IPv6 hosts are told apart as well.
        """
        self.serve(Echo, verify_ip=True)
        peer = IPv6Address("TCP", "2001:db8::1", 1)
        client = MemoryClient(self.site, peer)
        self.assertEqual(client.request("POST", "/0/s/xhr").body, b"o\n")
        self.assertEqual({r.status for r in self.ask("2001:db8::2")}, {404})
        self.assertEqual(self.ask("2001:db8::1")[-1].body, b"ok")

    def test_idIsFreeAgain(self) -> None:
        """
        When the session is over, and forgotten, its id may be used from elsewhere.
        """
        self.serve(Echo, verify_ip=True)
        self.open("s")
        self.site.advance(306)
        client = MemoryClient(self.site, IPv4Address("TCP", "192.0.2.8", 1))
        self.assertEqual(client.request("POST", "/0/s/xhr").body, b"o\n")

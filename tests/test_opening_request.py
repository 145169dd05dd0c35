"""
Tests for what the transport tells of the request that opened the session.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from zope.interface.verify import verifyObject

from tests.test_transport import GO_AWAY, Recorder, TransportTestCase, opening
from txsockjs.interfaces import ISockJSTransport
from txsockjs.transport import (
    SecureSessionTransport,
)


class SecureTests(TransportTestCase):
    """
    A session that came over TLS.
    """

    def test_interface(self) -> None:
        """
        Its transport provides `ISSLTransport` in full, and a plain one does not.
        """
        certificate: Any = object()
        transport = self.open(
            Recorder(),
            kind=SecureSessionTransport,
            secure=True,
            certificate=certificate,
        )
        verifyObject(ISSLTransport, transport)
        verifyObject(ISockJSTransport, transport)
        self.assertIs(certificate, transport.getPeerCertificate())
        self.assertFalse(ISSLTransport.providedBy(self.open(Recorder())))

    def test_halfClose(self) -> None:
        """
        To close the writing half is to close.
        """
        transport: Any = self.open(Recorder(), kind=SecureSessionTransport)
        transport.loseWriteConnection()
        self.turn()
        self.assertFrames(GO_AWAY)

    def test_socketOptions(self) -> None:
        """
        What there is to set of a TCP connection is accepted.
        """
        transport: Any = self.open(Recorder(), kind=SecureSessionTransport)
        transport.setTcpNoDelay(False)
        transport.setTcpKeepAlive(True)
        self.assertIs(True, transport.getTcpNoDelay())
        self.assertIs(False, transport.getTcpKeepAlive())


class RequestTests(TransportTestCase):
    """
    `OpeningRequest`: the request that opened the session, as it was.
    """

    def test_addresses(self) -> None:
        """
        The transport has the addresses of that request.
        """
        transport = self.open(Recorder())
        self.assertEqual("192.0.2.7", transport.getPeer().host)
        self.assertEqual(80, transport.getHost().port)
        self.assertEqual("xhr_streaming", transport.request.transport)

    def test_values(self) -> None:
        """
        Arguments, headers and cookies are text, each with all its values.
        """
        request = opening(
            args={b"c": [b"x", b"caf\xc3\xa9"], b"\xff": [b""]},
            headers=b"X-Tag: a\r\nx-tag:\t\xe9 ",
            cookies={b"sid": b"1"},
        )
        self.assertEqual({"c": ("x", "caf\xe9"), "\ufffd": ("",)}, dict(request.args))
        self.assertEqual({"x-tag": ("a", "\xe9")}, dict(request.headers))
        self.assertEqual({"sid": "1"}, dict(request.cookies))

    def test_cookies(self) -> None:
        """
        Where nobody says otherwise, the cookies are those of its headers, the last of
        each name.
        """
        lines = b"Cookie: a=1; b=2;c; d=\r\nAccept: x=y\r\ncookie: a=3=4"
        expected = {"a": "3=4", "b": "2", "d": ""}
        self.assertEqual(expected, dict(opening(headers=lines).cookies))
        self.assertEqual({}, dict(opening(headers=lines, cookies={}).cookies))

    def test_immutable(self) -> None:
        """
        Nothing of it can be changed.
        """
        request = opening(args={b"c": [b"x"]})
        self.assertRaises(AttributeError, setattr, request, "path", "/")
        for mapping in (request.args, request.headers, request.cookies):
            self.assertNotIsInstance(mapping, MutableMapping)

    def test_repr(self) -> None:
        """
        Its repr shows no cookie and no header, which may be secrets.
        """
        request = opening(cookies={b"sid": b"secret"}, headers=b"A: secret")
        self.assertNotIn("secret", repr(request))

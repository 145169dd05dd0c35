"""Sites inside protocols that wrap them: TLS for real, and the PROXY protocol."""

from __future__ import annotations

from functools import cache
from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, KeyPair, PrivateCertificate
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from tests.support.serving import Echo, RecordingFactory, ServiceCase
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryConnection, MemoryReactor


@cache
def certificate() -> PrivateCertificate:
    """
    A certificate, made once.
    """
    key = KeyPair.generate(size=2048)
    signed = key.selfSignedCert(1, CN="sockjs.example")
    return PrivateCertificate.fromCertificateAndKeyPair(signed, key)


class WrapperCase(ServiceCase):
    """
    A Site inside a protocol that wraps it.
    """

    def wrap(self, site: SockJSFactory) -> WrappingFactory:
        raise NotImplementedError

    def start(self) -> None:
        """
        Serve an echo, wrapped.
        """
        factory = RecordingFactory(Echo)
        self.sessions = factory.sessions
        reactor = MemoryReactor()
        wrapped: Any = self.wrap(SockJSFactory(factory, clock=reactor))
        wrapped.reactor = reactor
        self.listen(wrapped)


class TLSCase(WrapperCase):
    """
    A Site over TLS.
    """

    def wrap(self, site: SockJSFactory) -> WrappingFactory:
        options = certificate().options()
        return TLSMemoryBIOFactory(options, False, site, site.reactor)

    def connectSecurely(self) -> MemoryConnection:
        """
        Connect over TLS.
        """
        connection = MemoryConnection(self.site.reactor)
        factory = Factory.forProtocol(lambda: connection)
        options = CertificateOptions(verify=False)
        client = TLSMemoryBIOFactory(options, True, factory, self.site.reactor)
        self.site.connect(client.buildProtocol(None))
        return connection

"""A request that one process passes on to another: `Passed`, and its bytes.

It is passed on as HTTP/1.1, with the headers that it came with. One more header tells
what the other process cannot see: whose request it is, and how it came. Whoever reads
that header has made sure that it is from a peer: by where the connection came in, or by
a signature.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import attrs
from OpenSSL import crypto
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, ISSLTransport
from twisted.web.server import Request

#: The header that tells the rest, the one with the client's certificate, and the one
#: with a signature. Twisted writes their names so.
PASSED: Final = b"Sockjs-Passed"
CERTIFICATE: Final = b"Sockjs-Certificate"
SIGNATURE: Final = b"Sockjs-Signature"

#: What no outsider can say.
OURS: Final = (PASSED, CERTIFICATE, SIGNATURE)

#: How often a request may be passed on. Twice: to the worker of its slot, and from one
#: that ends to the one in its place.
MOST_HOPS: Final = 2

#: What is about the connection (RFC 9110, section 7.6.1) or about the body as it was
#: sent, and what is ours.
NOT_PASSED: Final = frozenset(
    (
        b"Connection",
        b"Content-Length",
        b"Expect",
        b"Keep-Alive",
        b"Proxy-Connection",
        # Twisted writes its name so.
        b"TE",
        b"Trailer",
        b"Transfer-Encoding",
        b"Upgrade",
        *OURS,
    )
)


class NotPassed(ValueError):
    """
    A request that is to have been passed on does not say how.
    """


@attrs.frozen
class Passed:
    """
    What is told of a request that is passed on.

    :ivar client: the address of who made it.
    :ivar host: the address that it was made to.
    :ivar secure: whether it came over TLS.
    :ivar hops: how often it has been passed on.
    :ivar ask: whether it is to be answered only if its session is there.
    :ivar certificate: the client's certificate, as DER, if it showed one.
    """

    client: IAddress
    host: IAddress
    secure: bool = False
    hops: int = 1
    ask: bool = False
    certificate: bytes | None = None

    def format(self) -> bytes:
        """
        The value of the header, without the certificate.
        """
        return b"%d %d %d %b %b" % (
            self.hops,
            self.ask,
            self.secure,
            _formatAddress(self.client),
            _formatAddress(self.host),
        )


@lru_cache(1024)
def readPassed(value: bytes) -> Passed:
    """
    Read the value of the header.

    :raise NotPassed: if it is none.
    """
    try:
        hops, ask, secure, client, host = value.split(b" ")
        if not 1 <= int(hops) <= MOST_HOPS:
            raise ValueError("it came by too many")
        return Passed(
            _readAddress(client),
            _readAddress(host),
            bool(int(secure)),
            int(hops),
            bool(int(ask)),
        )
    except ValueError as error:
        raise NotPassed(f"no request of a peer: {error}") from error


def passedLines(request: Request, ask: bool = False) -> list[bytes]:
    """
    The headers with what is to be told of a request.

    :param ask: whether it is to be answered only if its session is there.
    """
    before: Passed | None = getattr(request, "passed", None)
    if before is not None:
        hops = min(before.hops + 1, MOST_HOPS)
        return _lines(attrs.evolve(before, hops=hops, ask=ask))
    channel: Any = request.channel
    # It is the same for all requests of a connection.
    told: dict[bool, list[bytes]] = vars(channel).setdefault("told", {})
    if ask not in told:
        secure = request.isSecure()
        client, host = request.getClientAddress(), request.getHost()
        certificate = _certificate(request) if secure else None
        told[ask] = _lines(Passed(client, host, secure, 1, ask, certificate))
    return told[ask]


def readCertificate(value: bytes) -> Any:
    """
    Read the header with a certificate.

    :raise NotPassed: if there is none in it.
    """
    try:
        return crypto.load_certificate(crypto.FILETYPE_ASN1, b64decode(value))
    except (ValueError, crypto.Error) as error:
        raise NotPassed(f"no certificate: {error}") from error


def _certificate(request: Request) -> bytes | None:
    transport: Any = ISSLTransport(request.transport, None)
    certificate = transport.getPeerCertificate() if transport is not None else None
    if not isinstance(certificate, crypto.X509):
        return None
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)


def headerLines(request: Request) -> list[bytes]:
    """
    The headers that are passed on as they came, as lines. A request that was passed on
    has the same ones.
    """
    lines = [
        b"%b: %b\r\n" % (name, value.strip())
        for name, values in request.requestHeaders.getAllRawHeaders()
        if name not in NOT_PASSED
        for value in values
    ]
    if not request.requestHeaders.hasHeader(b"Host"):
        # RFC 9112, section 3.2: HTTP/1.0 may do without.
        lines.append(b"Host: \r\n")
    return lines


def bodyOf(request: Request) -> bytes:
    """
    The body of a request, which stays there.
    """
    content: Any = request.content
    content.seek(0)
    body: bytes = content.read()
    content.seek(0)
    return body


def serialise(request: Request, lines: list[bytes], body: bytes) -> bytes:
    """
    A request as HTTP/1.1.

    :param lines: its headers, but for that of its length.
    """
    if body or request.requestHeaders.hasHeader(b"Content-Length"):
        lines = [*lines, b"Content-Length: %d\r\n" % len(body)]
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (
        request.method,
        request.uri,
        b"".join(lines),
        body,
    )


def _lines(passed: Passed) -> list[bytes]:
    lines = []
    if passed.certificate is not None:
        value = b64encode(passed.certificate)
        lines.append(b"%b: %b\r\n" % (CERTIFICATE, value))
    return [*lines, b"%b: %b\r\n" % (PASSED, passed.format())]


def _formatAddress(address: IAddress) -> bytes:
    if isinstance(address, (IPv4Address, IPv6Address)):
        host = quote_from_bytes(address.host.encode(), safe=":%")
        return f"{host},{address.port}".encode("ascii")
    name = address.name if isinstance(address, UNIXAddress) else None
    return b"," + quote_from_bytes(name or b"").encode("ascii")


def _readAddress(text: bytes) -> IAddress:
    host, comma, rest = text.partition(b",")
    if not comma:
        raise ValueError("an address has a comma")
    if not host:
        return UNIXAddress(unquote_to_bytes(rest) or None)
    name = host.decode("ascii")
    port = int(rest)
    kind = IPv4Address if ip_address(name).version == 4 else IPv6Address
    return kind("TCP", name, port)

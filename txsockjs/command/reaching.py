"""How to reach a server: the arguments that the commands share, and what they mean."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from OpenSSL.SSL import Connection
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from txsockjs.command.parser import cookie, header, positiveSeconds


def addReaching(parser: ArgumentParser) -> None:
    """
    Add the arguments that say which server, and how.
    """
    parser.add_argument(
        "url",
        metavar="URL",
        help="the base URL of the service, which is what a browser's SockJS is given: "
        "such as https://example.com/echo",
    )
    reaching = parser.add_argument_group("reaching the server")
    reaching.add_argument(
        "--header",
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header to send with each request; may be given several times",
    )
    reaching.add_argument(
        "--cookie",
        type=cookie,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a cookie to send; may be given several times",
    )
    reaching.add_argument(
        "--insecure",
        action="store_true",
        help="do not verify the server's certificate: whoever is in between can read "
        "and change all",
    )
    reaching.add_argument(
        "--proxy",
        metavar="URL",
        help="the HTTP proxy to go through, such as http://user:password@host:3128; "
        "'' for none. [default: what https_proxy, http_proxy and no_proxy say]",
    )
    reaching.add_argument(
        "--timeout",
        type=positiveSeconds,
        default=30.0,
        metavar="SECONDS",
        help="how long connecting may take [default: 30]",
    )
    reaching.add_argument(
        "--verbose",
        action="store_true",
        help="show on standard error what is logged meanwhile",
    )


def reachingArguments(arguments: Namespace) -> dict[str, Any]:
    """
    What the arguments of `addReaching` mean to a client: the keyword arguments of a
    `SockJSClientEndpoint <txsockjs.client.endpoint.SockJSClientEndpoint>`.
    """
    return {
        "headers": arguments.header,
        "cookies": dict(arguments.cookie),
        "contextFactory": Unverified() if arguments.insecure else None,
        "proxy": arguments.proxy,
        "timeout": arguments.timeout,
    }


@implementer(IPolicyForHTTPS)
class Unverified:
    """
    A policy for HTTPS that takes any certificate.
    """

    def creatorForNetloc(self, hostname: bytes, port: int) -> _Unverifying:
        return _Unverifying(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class _Unverifying:
    """
    Makes TLS connections to one host, whoever that is.
    """

    def __init__(self, hostname: bytes) -> None:
        self._hostname = hostname
        self._context = CertificateOptions(verify=False).getContext()

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        connection = Connection(self._context, None)
        # RFC 6066, section 3: an address is no name for it.
        name = self._hostname.decode("ascii")
        if not isIPAddress(name) and not isIPv6Address(name):
            connection.set_tlsext_host_name(self._hostname)
        return connection

"""How a client speaks TLS: `policyFor`."""

from __future__ import annotations

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer


@implementer(IPolicyForHTTPS)
class _Always:
    """
    The policy that is the same for each server.
    """

    def __init__(self, creator: IOpenSSLClientConnectionCreator) -> None:
        self._creator = creator

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return self._creator


def policyFor(given: object) -> IPolicyForHTTPS:
    """
    The policy that a user means.

    :param given: a policy; or what makes each connection, as ``optionsForClientTLS``
        returns it; or None: the authorities that the system trusts are trusted.
    :raise TypeError: if it is none of these.
    """
    policy: IPolicyForHTTPS
    if given is None:
        policy = BrowserLikePolicyForHTTPS()
    elif IPolicyForHTTPS.providedBy(given):
        policy = given
    elif IOpenSSLClientConnectionCreator.providedBy(given) and not isinstance(
        # These do not look for whom a certificate is.
        given,
        CertificateOptions,
    ):
        policy = _Always(given)
    else:
        raise TypeError(
            f"contextFactory is {given!r}; it has to be an IPolicyForHTTPS, or what "
            "optionsForClientTLS has made"
        )
    return policy

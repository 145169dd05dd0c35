r"""The endpoint string ``sockjs:`` of a client.

``clientFromString(reactor, r"sockjs:https\://example.com/echo:timeout=10")`` is an
endpoint that connects to the service at ``https://example.com/echo``. Every setting of
`Settings <txsockjs.client.place.Settings>` is a keyword. Beside these there are:

  - ``header.NAME`` and ``cookie.NAME``: a header or a cookie to send, any number of
    them, as in ``header.Authorization=Bearer abc``;
  - ``proxy``: the URL of an HTTP proxy, or nothing for none;
  - ``trustRoots``: a file of certificates in PEM, or a directory of such files that end
    in ``.pem``: the authorities to trust in place of the system's;
  - ``certificate`` and ``privateKey``: files in PEM with the client's own; the key may
    be in the file of the certificate.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from OpenSSL.crypto import Error as OpenSSLError
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IStreamClientEndpointStringParserWithReactor,
)
from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.plugin import IPlugin
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from txsockjs.client.endpoint import SockJSClientEndpoint
from txsockjs.errors import OptionError

_PEM: Final = re.compile(
    b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


@implementer(IPolicyForHTTPS)
class TLSPolicy:
    """
    How TLS is spoken with any host: whom to trust, and who we are.
    """

    def __init__(self, trustRoot: Any, certificate: PrivateCertificate | None) -> None:
        """
        :param trustRoot: the authorities to trust, or None for the system's.
        :param certificate: the client's own, or None.
        """
        self._trustRoot = trustRoot
        self._certificate = certificate

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return optionsForClientTLS(
            hostname.decode("ascii"), self._trustRoot, self._certificate
        )


def _read(name: str, path: str) -> bytes:
    """
    A file that the string names.

    :param name: the keyword.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise OptionError(
            name, f"{path!r} cannot be read: {error.strerror or error}"
        ) from None


def _trustRoot(path: str) -> Any:
    """
    The authorities in a file or a directory.
    """
    found = Path(path)
    files = sorted(found.glob("*.pem")) if found.is_dir() else [found]
    try:
        certificates = [
            Certificate.loadPEM(block)
            for file in files
            for block in _PEM.findall(_read("trustRoots", str(file)))
        ]
    except OpenSSLError:
        certificates = []
    if not certificates:
        raise OptionError("trustRoots", f"{path!r} has no certificates in PEM")
    return trustRootFromCertificates(certificates)


def _certificate(path: str, keyPath: str | None) -> PrivateCertificate:
    """
    The client's own certificate, with its key.
    """
    pem = _read("certificate", path)
    key = pem if keyPath is None else _read("privateKey", keyPath)
    try:
        own: PrivateCertificate = PrivateCertificate.fromCertificateAndKeyPair(
            Certificate.loadPEM(pem), KeyPair.load(key, 1)
        )
    except (OpenSSLError, ValueError, AssertionError):
        raise OptionError(
            "certificate",
            f"{path!r} and {keyPath or path!r} are not a certificate and its private "
            "key, both in PEM",
        ) from None
    return own


def _policy(keywords: dict[str, str]) -> TLSPolicy | None:
    """
    Take out what is said of TLS.
    """
    roots = keywords.pop("trustRoots", None)
    path = keywords.pop("certificate", None)
    keyPath = keywords.pop("privateKey", None)
    if keyPath is not None and path is None:
        raise OptionError("privateKey", "it takes a certificate, which is not given")
    if roots is None and path is None:
        return None
    return TLSPolicy(
        None if roots is None else _trustRoot(roots),
        None if path is None else _certificate(path, keyPath),
    )


def _named(keywords: dict[str, str], prefix: str) -> dict[str, str]:
    """
    Take out the keywords that begin with a word and a dot.
    """
    found = [keyword for keyword in keywords if keyword.startswith(f"{prefix}.")]
    for keyword in found:
        name, value = keyword[len(prefix) + 1 :], keywords[keyword]
        if not name or not f"{name}{value}".isprintable():
            raise OptionError(
                keyword, f"{value!r} will not do; there are a name and printable text"
            )
    return {keyword[len(prefix) + 1 :]: keywords.pop(keyword) for keyword in found}


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor)
class SockJSClientParser:
    """
    Makes a `SockJSClientEndpoint` from the parts of an endpoint string.
    """

    prefix = "sockjs"

    # Positional only, so that no keyword of the string can be taken for one of ours.
    def parseStreamClient(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> SockJSClientEndpoint:
        """
        :param reactor: the reactor to connect with.
        :param args: one item, the base URL of the service.
        :param kwargs: as the module has them.
        :raise ValueError: if there is not exactly one URL (`InvalidURL
            <txsockjs.errors.InvalidURL>` if it is none), or if a keyword is unknown or
            its value will not do (`OptionError`).
        """
        if len(args) != 1 or not args[0]:
            raise ValueError(
                "sockjs: takes one URL, with its own colons and equals signs escaped, "
                rf"as in sockjs:https\://example.com/echo:timeout=10; got {list(args)}"
            )
        keywords = dict(kwargs)
        headers = _named(keywords, "header")
        cookies = _named(keywords, "cookie")
        policy = _policy(keywords)
        proxy = keywords.pop("proxy", None)
        reserved = {"headers", "cookies", "contextFactory"} & set(keywords)
        for name in reserved:
            raise OptionError(
                name, "in a string these are header.NAME, cookie.NAME and trustRoots"
            )
        return SockJSClientEndpoint(
            reactor,
            args[0],
            headers=headers,
            cookies=cookies or None,
            contextFactory=policy,
            proxy=proxy,
            **keywords,
        )

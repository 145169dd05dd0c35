"""The options of ``twistd sockjs`` about other machines: `ClusterUsage`."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.python.reflect import namedModule
from twisted.python.usage import UsageError

from txsockjs.cluster.addresses import Place
from txsockjs.cluster.signing import readSecret
from txsockjs.membership import Cluster
from txsockjs.rooms.shared import readURL
from txsockjs.serving.process import ProcessOptions

# What a file of certificates has, one after the other (RFC 7468).
_PEM = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

_FIXED = re.compile(r"(?:tcp|ssl|tcp6|tls):(?:port=)?([0-9]+)")


class ClusterUsage(ProcessOptions):
    """
    Those options, and what they mean.
    """

    optParameters: Any = [
        [
            "cluster",
            None,
            None,
            "Have sessions over HTTP answered by any of several processes, on any "
            "machines: the URL of the Redis that tells which process has a session, "
            "or @FILE, as for --rooms. This needs the extra txsockjs[redis], and "
            "--cluster-secret.",
        ],
        [
            "cluster-secret",
            None,
            None,
            "A file with what these processes know each other by, the same for all: "
            "16 bytes or more that nobody can guess, as of openssl rand -hex 32.",
        ],
        [
            "cluster-listen",
            None,
            None,
            "Where the other processes reach this one: a server endpoint string. "
            "[default: tcp:0:interface=127.0.0.1, for those of this machine]",
        ],
        [
            "cluster-address",
            None,
            None,
            "HOST:PORT or tls:HOST:PORT, where that is for them. It can be left out "
            "where --cluster-listen names an interface, and no TLS.",
        ],
        [
            "cluster-ca",
            None,
            None,
            "A file with the certificates that these processes trust for tls: "
            "addresses. [default: those that the system trusts]",
        ],
    ]

    def checkCluster(self, workers: int | None) -> None:
        """
        Check what goes together.

        :param workers: how many processes have the same options.
        :raise UsageError: if something does not.
        """
        url, secret = self["cluster"], self["cluster-secret"]
        if url is None:
            for name in ("secret", "listen", "address", "ca"):
                if self[f"cluster-{name}"] is not None:
                    raise UsageError(f"--cluster-{name}: this goes with --cluster")
            return
        if secret is None:
            raise UsageError(
                "--cluster: it takes --cluster-secret FILE; make one with "
                "(umask 077; openssl rand -hex 32 > FILE)"
            )
        listen = self["cluster-listen"] or "interface=127.0.0.1"
        vague = listen.startswith(("ssl:", "tls:")) or "interface=" not in listen
        if vague and self["cluster-address"] is None:
            raise UsageError(
                f"--cluster-listen {listen}: the others cannot know from this where to "
                "reach it; give --cluster-address HOST:PORT, or tls:HOST:PORT; or for "
                "plain TCP an interface, as in tcp:7000:interface=10.0.0.1"
            )
        fixed = _FIXED.match(self["cluster-listen"] or "")
        if workers is not None and fixed is not None and int(fixed[1]):
            raise UsageError(
                f"--cluster-listen {self['cluster-listen']}: each of the workers needs "
                "a port of its own; with port 0 they get one"
            )
        if workers is not None and self["cluster-address"] is not None:
            raise UsageError(
                "--cluster-address: with --workers each has another; name the "
                "interface in --cluster-listen"
            )

    def makeCluster(self, reactor: Any) -> Cluster | None:
        """
        The cluster that is asked for.

        :raise UsageError: for what cannot be used.
        """
        if self["cluster"] is None:
            return None
        secret = self._of("cluster-secret", readSecret)
        options: dict[str, Any] = {}
        if self["cluster-listen"] is not None:
            options["listen"] = self["cluster-listen"]
        if self["cluster-address"] is not None:
            self._of("cluster-address", Place.parse)
            options["address"] = self["cluster-address"]
        if self["cluster-ca"] is not None:
            options["trust"] = self._of("cluster-ca", _readAuthorities)
        try:
            module: Any = namedModule("txsockjs.cluster.machines")
        except ImportError as error:
            raise UsageError(f"--cluster: {error}; install txsockjs[redis]") from error
        try:
            url = readURL(self["cluster"])
            cluster: Cluster = module.RedisCluster(reactor, url, secret, **options)
        except ValueError as error:
            raise UsageError(f"--cluster: {error}") from error
        return cluster

    def _of(self, option: str, read: Any) -> Any:
        try:
            return read(self[option])
        except ValueError as error:
            raise UsageError(f"--{option}: {error}") from error


def _readAuthorities(path: str) -> Any:
    """
    Whom the certificates of a file make trusted.

    :raise ValueError: if it cannot be read, or has none.
    """
    try:
        with open(path, "rb") as file:
            found = _PEM.findall(file.read())
        certificates = [Certificate.loadPEM(each) for each in found]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except Exception as error:
        raise ValueError(f"{path}: {error}") from error
    if not certificates:
        raise ValueError(f"{path}: there is no certificate in it")
    return trustRootFromCertificates(certificates)

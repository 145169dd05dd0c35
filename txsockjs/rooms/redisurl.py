"""Where a Redis is, and how to log in: `RedisURL`."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import attrs
from twisted.internet import ssl
from twisted.internet.endpoints import (
    HostnameEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.interfaces import IStreamClientEndpoint as Endpoint

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379

_FORMS: Final = (
    "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], rediss://... for TLS, "
    "unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE], or "
    "redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]/NAME[/DATABASE]"
)

# What may stand behind the question mark.
_QUERY: Final = {
    "redis": (),
    "rediss": (),
    "unix": ("db",),
    "redis+sentinel": ("sentinel_user", "sentinel_password"),
    "rediss+sentinel": ("sentinel_user", "sentinel_password"),
}


@attrs.frozen
class Login:
    """
    Who to log in as.

    :ivar user: the name of an ACL user; None for the default one.
    :ivar password: the password; None for no log-in at all.
    """

    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class RedisURL:
    """
    What a URL says.

    :ivar shown: the URL without what is secret, to name it in a log.
    :ivar secure: whether it is reached over TLS.
    :ivar hosts: hosts and ports: of the Redis, or of the sentinels.
    :ivar path: that of a UNIX socket, in place of them.
    :ivar master: the name that the sentinels have for the Redis that is to be written
        to; empty without sentinels.
    :ivar database: the number of the database.
    :ivar login: who to log in as.
    :ivar sentinelLogin: who to log in as with the sentinels.
    """

    shown: str
    secure: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    master: str = ""
    database: int = 0
    login: Login = Login()
    sentinelLogin: Login = Login()

    @classmethod
    def parse(cls, url: str) -> RedisURL:
        """
        Read a URL.

        :raise ValueError: if it is none. What it says does not have the password.
        """
        try:
            # What this raises shows what is in the URL.
            parts = urlsplit(url)
        except ValueError:
            raise ValueError(f"no URL of a Redis; it is {_FORMS}") from None
        try:
            return cls._parse(parts)
        except ValueError as error:
            raise ValueError(f"no URL of a Redis: {error}; it is {_FORMS}") from None

    @classmethod
    def _parse(cls, parts: SplitResult) -> RedisURL:
        scheme = parts.scheme
        if scheme not in _QUERY:
            raise ValueError(f"the scheme {scheme!r} is unknown")
        if parts.fragment:
            raise ValueError("a # and what follows it mean nothing; write %23")
        query = dict(parse_qsl(parts.query, True, True)) if parts.query else {}
        for name in query:
            if name not in _QUERY[scheme]:
                raise ValueError(f"the parameter {name!r} is unknown")
        credentials, at, place = parts.netloc.rpartition("@")
        user, colon, password = credentials.partition(":")
        if at and not colon:
            raise ValueError("there is an @, but no : with a password before it")
        login = Login(unquote(user) or None, unquote(password)) if colon else Login()
        if scheme == "unix":
            return cls._socket(parts, place, query, login)
        master, database = "", parts.path.removeprefix("/")
        default = _PORT
        if scheme.endswith("+sentinel"):
            default = _SENTINEL_PORT
            master, _, database = database.partition("/")
            if not master:
                raise ValueError("the name of the master is missing")
        hosts = tuple(_host(each, default) for each in place.split(","))
        if len(hosts) > 1 and not master:
            raise ValueError("there is more than one host, and no sentinel")
        return cls(
            f"{scheme}://{place}{parts.path}",
            scheme.startswith("rediss"),
            hosts,
            master=unquote(master),
            database=_number(database),
            login=login,
            sentinelLogin=Login(
                query.get("sentinel_user"), query.get("sentinel_password")
            ),
        )

    @classmethod
    def _socket(
        cls, parts: SplitResult, place: str, query: dict[str, str], login: Login
    ) -> RedisURL:
        path = unquote(parts.path)
        if place or not path.strip("/"):
            raise ValueError("a UNIX socket has a path that begins with /, and no host")
        return cls(
            f"unix://{path}",
            path=path,
            database=_number(query.get("db", "")),
            login=login,
        )

    def endpoint(
        self,
        reactor: object,
        host: str,
        port: int,
        timeout: float,
        trust: IOpenSSLClientConnectionCreator | None = None,
    ) -> Endpoint:
        """
        The endpoint of one host of it, or its UNIX socket.

        :param reactor: what connects.
        :param timeout: seconds within which it is connected to.
        :param trust: what makes TLS connections, in place of the one that trusts the
            system's authorities and looks for the host's name in the certificate.
        """
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, timeout)
        endpoint = HostnameEndpoint(reactor, host, port, timeout)
        if not self.secure:
            return endpoint
        return wrapClientTLS(trust or ssl.optionsForClientTLS(host), endpoint)


# These do not say what they have found: in a URL that is not in order, that may be a
# piece of the password.


def _host(text: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise ValueError("a host is missing, or its port is no number up to 65535")
    return unquote(host), port or default


def _number(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 9):
        raise ValueError("a database is a number (a / in a password is written %2F)")
    return int(text or 0)

"""What a client is told by its user, and what each attempt to connect is given."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.web.http_headers import Headers

from txsockjs.converters import (
    boolean,
    codecName,
    interval,
    noSuch,
    option,
    seconds,
    size,
    splitWords,
)
from txsockjs.errors import OptionError

#: The transports of a client, in the order in which they are tried.
TRANSPORTS: Final = ("websocket", "xhr-streaming", "xhr-polling")

# RFC 9110, section 5.6.2; RFC 6455, section 4.1, wants this of a subprotocol.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _distinct(allowed: str, test: Callable[[str], object]) -> Callable[[object], Any]:
    """
    Names in order, each of them once.
    """

    def convert(value: object) -> tuple[str, ...]:
        try:
            names = splitWords(value)
        except TypeError:
            raise ValueError(allowed) from None
        if len(set(names)) < len(names) or not all(map(test, names)):
            raise ValueError(allowed)
        return tuple(names)

    return convert


def _transports(value: object) -> tuple[str, ...]:
    allowed = "at least one of " + ", ".join(TRANSPORTS) + ", each once"
    names: tuple[str, ...] = _distinct(allowed, TRANSPORTS.__contains__)(value)
    if not names:
        raise ValueError(allowed)
    return names


_positive: Final = seconds(0.001, "a number of seconds above 0")


@attrs.frozen(kw_only=True)
class Settings:
    """
    How a client behaves. Every setting is checked when it is set.

    Sizes are bytes, times are seconds (floats). `fields` tells name, default and
    meaning of each.
    """

    #: A firewall may let through one and not the other.
    transports: tuple[str, ...] = option(
        _transports, TRANSPORTS, "transports to try, in this order"
    )
    #: Servers offer it beside the sessions, for clients that speak no SockJS.
    raw: bool = option(
        boolean, False, "speak WebSocket alone at BASE/websocket, without SockJS"
    )
    #: As for Twisted's own endpoints: for ``info`` and all the attempts together.
    timeout: float = option(_positive, 30.0, "seconds that connecting may take")
    #: The server was heard already when it is known how long a round trip takes, which
    #: tells how long an attempt can take. A host far away may need more.
    attempt_timeout: float = option(
        seconds(0.0, "a number of seconds, 0 or more"),
        0.0,
        "seconds that an attempt with one transport has at the least",
    )
    #: As the browser's client has it.
    info_timeout: float = option(_positive, 8.0, "seconds that info may take")
    #: So that a server that does not answer cannot hold up the end.
    close_timeout: float = option(
        _positive, 10.0, "seconds that closing in good order may take"
    )
    #: A connection that is gone without a word shows in nothing else.
    heartbeat: float | None = option(
        interval,
        25.0,
        "seconds of silence before the server's heartbeat; after two of these the "
        "session is lost; 0: never",
    )
    #: What one message can make the program hold.
    max_message_size: int = option(
        size, 1024 * 1024, "bytes of one inbound message or frame"
    )
    #: What a server that does not read can make the program hold.
    max_buffer: int = option(
        size,
        4 * 1024 * 1024,
        "undelivered bytes of one session, past which it is lost",
    )
    #: SockJS has text alone, as the server's option ``encoding`` says.
    encoding: str = option(
        codecName,
        "cp1252",
        "encoding of the application's bytes that are not UTF-8",
    )
    #: For whoever shares a URL between several protocols.
    subprotocols: tuple[str, ...] = option(
        _distinct("names of subprotocols (RFC 6455), each once", _TOKEN.fullmatch),
        (),
        "subprotocols to offer over WebSocket, the best first",
    )
    #: It costs time and memory at both ends, and a network is seldom that slow.
    compression: bool = option(
        boolean, False, "offer permessage-deflate over WebSocket"
    )

    @classmethod
    def fromDict(cls, settings: Mapping[str, object]) -> Settings:
        """
        Build from a mapping of names to values, which may be strings, as an endpoint
        string or a command line has them: a list is written with commas, a switch as
        ``true`` or ``false``.

        :raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        names = [field.name for field in attrs.fields(cls)]
        for name in settings:
            if name not in names:
                raise OptionError(name, noSuch("setting", name, names))
        return cls(**settings)  # type: ignore[arg-type]

    @staticmethod
    def fields() -> Iterable[tuple[str, object, str]]:
        """
        Each setting's name, default and meaning.
        """
        for field in attrs.fields(Settings):
            yield field.name, field.default, field.metadata["help"]


class Web(Protocol):
    """
    What a client needs of HTTP. `WebClient <txsockjs.client.agent.WebClient>` is one.
    """

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Headers | Mapping[str, str] | None = None,
    ) -> Deferred[Any]:
        """
        Make a request, and follow where it is redirected to.

        :return: a Deferred of a `WebResponse <txsockjs.client.responses.WebResponse>`,
            which fails with `RequestFailed <txsockjs.errors.RequestFailed>`.
        """

    def endpointFor(self, url: str) -> IStreamClientEndpoint:
        """
        What connects to the host of a URL, with TLS and through a proxy where that is
        so.
        """

    def headersFor(self, url: str) -> dict[str, str]:
        """
        What a WebSocket's handshake says besides its own: the user's headers, and the
        cookies for this URL.
        """

    def keepCookies(self, url: str, rawHeaders: Headers) -> None:
        """
        Keep the cookies that a handshake's answer sets.
        """

    def close(self) -> Deferred[None]:
        """
        Close the connections that are kept for later requests.
        """


def rto(roundTrip: float | None) -> float:
    """
    How long one trip to the server and back may take. (PROTOCOL section 9.)

    :param roundTrip: how many seconds ``info`` took, or None where that is unknown.
    """
    if roundTrip is None:
        return math.inf
    return 4 * roundTrip if roundTrip > 0.1 else 0.3 + roundTrip


@attrs.frozen
class Place:
    """
    Where an attempt is made, and how.

    :ivar url: of the session, with ``http`` or ``https`` and without the transport, as
        in ``https://example.com/echo/123/abcdef``; with the setting ``raw`` that of the
        WebSocket itself, as in ``https://example.com/echo/websocket``.
    :ivar web: the HTTP side.
    :ivar clock: what tells the time.
    :ivar settings: what the user has set.
    :ivar roundTrip: how many seconds a trip to the server and back took, or None.
    :ivar query: the query of the user's URL with its question mark, which each URL of
        the session has, or nothing.
    """

    url: str
    web: Web
    clock: IReactorTime
    settings: Settings
    roundTrip: float | None = None
    query: str = ""

    def at(self, transport: str = "") -> str:
        """
        The URL of one of the session's transports, as in
        ``https://example.com/echo/123/abcdef/xhr_send``.

        :param transport: its name as servers have it; nothing for the raw WebSocket.
        """
        if transport:
            transport = f"/{transport}"
        return f"{self.url}{transport}{self.query}"

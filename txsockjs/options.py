"""The settings of one SockJS service: `SockJSOptions`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
from twisted.python.reflect import namedAny

from txsockjs.converters import (
    boolean,
    codecName,
    count,
    interval,
    noSuch,
    option,
    optional,
    seconds,
    size,
    splitWords,
)
from txsockjs.errors import OptionError
from txsockjs.origins import SAME, canonical, isHost, matches
from txsockjs.subprotocols import firstOf, isName

if TYPE_CHECKING:
    from twisted.web.server import Request

#: What the option ``origins`` holds: nothing, a set of origins and patterns, or a test.
Origins: TypeAlias = "frozenset[str] | Callable[..., object] | None"

#: What the option ``subprotocols`` holds: names, the best first, or what chooses.
Subprotocols: TypeAlias = "tuple[str, ...] | Callable[..., object]"

#: What the option ``authorize`` holds.
Authorize: TypeAlias = "Callable[[Any], object]"

#: The names that the option ``disabled_transports`` knows.
TRANSPORTS = (
    "websocket",
    "rawwebsocket",
    "xhr",
    "xhr_send",
    "xhr_streaming",
    "eventsource",
    "htmlfile",
    "jsonp",
    "jsonp_send",
)

DEFAULT_SOCKJS_URL = "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js"

# What is no origin, and may be the name of a callable.
_DOTTED = re.compile(r"\w+(\.\w+)+")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@attrs.frozen
class Cookie:
    """
    A cookie for load balancers, as the option ``cookie`` has it.

    :ivar name: its name.
    :ivar attributes: what stands behind its value, with a semicolon before each.
    """

    name: bytes
    attributes: bytes


_ATTRIBUTE = re.compile(
    r"path=/[!-:<-~]*|domain=[a-z0-9.-]+|max-age=[0-9]{1,9}|expires=[!-:<-~ ]+"
    r"|samesite=(?:strict|lax|none)|secure|httponly|partitioned",
    re.IGNORECASE,
)


def _cookie(value: object) -> Any:
    allowed = (
        "a name and attributes ('JSESSIONID; path=/; Secure; SameSite=None'), or a "
        "callable that takes the request and returns what Set-Cookie says, or None"
    )
    if callable(value) or isinstance(value, Cookie):
        return value
    if not isinstance(value, str):
        raise ValueError(allowed)
    name, *attributes = [part.strip() for part in value.split(";")]
    if not _TOKEN.fullmatch(name):
        raise ValueError(allowed)
    for attribute in attributes:
        if not _ATTRIBUTE.fullmatch(attribute):
            raise ValueError(f"{allowed}; there is no attribute {attribute!r}")
    words = {attribute.lower() for attribute in attributes}
    if "samesite=none" in words and "secure" not in words:
        raise ValueError(f"{allowed}; browsers refuse SameSite=None without Secure")
    return Cookie(
        name.encode("ascii"),
        "".join([f"; {attribute}" for attribute in attributes]).encode("ascii"),
    )


def _url(value: object) -> str:
    allowed = "a URL with a scheme, such as 'https://chat.example.com/chat', or None"
    if isinstance(value, str) and re.fullmatch(r"(?i)https?://[!-~]+", value):
        return value.rstrip("/")
    raise ValueError(allowed)


def _fragment(value: object) -> int:
    allowed = "a number of bytes, 128 or more, such as 65536 or '32k', or None"
    try:
        number = size(value)
    except ValueError:
        raise ValueError(allowed) from None
    if number < 128:
        raise ValueError(allowed)
    return number


def _transports(value: object) -> frozenset[str]:
    allowed = "names out of " + ", ".join(TRANSPORTS)
    try:
        names = frozenset(splitWords(value))
    except TypeError:
        raise ValueError(allowed) from None
    if not names.issubset(TRANSPORTS):
        raise ValueError(allowed)
    return names


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value and value.isprintable():
        return value
    raise ValueError("a URL or a path, as printable text")


def _header(value: object) -> bytes:
    if isinstance(value, str):
        value = value.encode("ascii", "replace")
    if isinstance(value, bytes) and _TOKEN.fullmatch(value.decode("ascii", "replace")):
        return value
    raise ValueError("the name of an HTTP header, such as 'X-Forwarded-For', or None")


def _origins(value: object) -> Origins:
    allowed = (
        "None, a list of exact origins ('https://example.com', "
        "'https://example.com:8443', 'null'), of patterns ('https://*.example.com') "
        "and of 'same' for the service's own, or a callable that takes an origin, or "
        "its dotted name"
    )
    if value is None or callable(value):
        return value
    if isinstance(value, str) and value not in (SAME, "*"):
        # One origin as a str would pass for a list of letters.
        return _named(value, allowed)
    try:
        words = splitWords(value)
    except TypeError:
        raise ValueError(allowed) from None
    try:
        return frozenset(map(canonical, words))
    except ValueError as problem:
        raise ValueError(f"{allowed}; {problem}") from None


def _subprotocols(value: object) -> Subprotocols:
    allowed = (
        "names of subprotocols, each once, the best first; or a callable that takes "
        "those that are offered, or where it is, as 'module:name'"
    )
    if callable(value):
        return value
    if isinstance(value, str) and ":" in value:
        # A dot may be in the name of a subprotocol, as in "v12.stomp".
        return _named(value.strip().replace(":", ".", 1), allowed)
    try:
        names = splitWords(value)
    except TypeError:
        raise ValueError(allowed) from None
    if len(set(names)) < len(names) or not all(map(isName, names)):
        raise ValueError(allowed)
    return tuple(names)


def _named(name: str, allowed: str) -> Callable[..., object]:
    """
    The callable that has a dotted name.
    """
    try:
        found = namedAny(name)
    except Exception as error:
        raise ValueError(f"{allowed} ({error})") from None
    if not callable(found):
        raise ValueError(allowed)
    test: Callable[..., object] = found
    return test


def _authorize(value: object) -> Authorize:
    allowed = "a callable that takes the opening request, or its dotted name, or None"
    if isinstance(value, str):
        return _named(value, allowed)
    if not callable(value):
        raise ValueError(allowed)
    return value


@lru_cache(64)
def _takesRequest(test: Callable[..., object]) -> bool:
    """
    Whether a test of origins, or what chooses a subprotocol, takes the request too.
    """
    try:
        signature(test).bind("", None)
    except (TypeError, ValueError):
        return False
    return True


@attrs.frozen(kw_only=True)
class SockJSOptions:
    """
    How one service behaves. Every option is checked when it is set.

    Sizes are bytes, times are seconds (floats). `fields` tells name, default and
    meaning of each.
    """

    websocket: bool = option(boolean, True, "offer WebSocket, framed and raw")
    disabled_transports: frozenset[str] = option(
        _transports, (), "transports that are not offered (404), with commas between"
    )
    cookie_needed: bool = option(
        boolean, False, "set a cookie, for sticky load balancers"
    )
    cookie: Cookie | Callable[[Request], str | None] = option(
        _cookie,
        "JSESSIONID; path=/",
        "that cookie's name and attributes; or a callable that makes it",
    )
    base_url: str | None = option(
        optional(_url),
        None,
        "URL of the service that info tells clients to go on with",
    )
    iframe: bool = option(
        boolean, True, "offer the page for the client's iframe transports"
    )
    heartbeat: float | None = option(
        interval, 25.0, "seconds of silence before a heartbeat; 0: none"
    )
    timeout: float = option(
        seconds(0.001, "a number of seconds above 0"),
        5.0,
        "seconds without a receiver before a session is lost",
    )
    streaming_limit: int = option(
        size,
        131072,
        "bytes of one streaming response before the client must come again",
    )
    encoding: str = option(
        codecName, "cp1252", "encoding of the application's bytes that are not UTF-8"
    )
    sockjs_url: str = option(
        _text, DEFAULT_SOCKJS_URL, "URL or path of the client script on the iframe page"
    )
    proxy_header: bytes | None = option(
        optional(_header),
        None,
        "header in which a trusted proxy tells the client's address; its last entry",
    )
    origins: Origins = option(
        _origins, None, "origins that may use the service; none given: all"
    )
    max_message_size: int = option(
        size,
        1024 * 1024,
        "bytes of one inbound message or request body",
    )
    max_buffer: int = option(
        size,
        4 * 1024 * 1024,
        "undelivered bytes of one session, past which it is closed (1013)",
    )
    max_sessions: int | None = option(
        optional(count("a number of sessions, 1 or more, or None")),
        None,
        "sessions open at a time, past which a new one is refused (503)",
    )
    verify_ip: bool = option(
        boolean, False, "answer for a session only to the host that opened it"
    )
    compression: bool = option(boolean, False, "offer permessage-deflate on WebSockets")
    compression_memory_level: int = option(
        count("a level from 1 to 9", 9), 8, "zlib's memory level, 1 to 9"
    )
    compression_window_bits: int = option(
        count("a number of bits from 9 to 15", 15, 9),
        15,
        "zlib's window, 9 to 15 bits, either way",
    )
    fragment_size: int | None = option(
        optional(_fragment),
        None,
        "bytes of a WebSocket frame, past which a message is sent in fragments",
    )
    subprotocols: Subprotocols = option(
        _subprotocols, (), "subprotocols of WebSocket to agree to, the best first"
    )
    authorize: Authorize | None = option(
        optional(_authorize),
        None,
        "what says who is calling; a callable, or its dotted name",
    )
    authorize_timeout: float = option(
        seconds(0.001, "a number of seconds above 0"),
        10.0,
        "seconds that authorize may take",
    )
    max_authorizing: int = option(
        count("a number of sessions, 1 or more"),
        1000,
        "sessions that wait for authorize, past which a new one is refused (503)",
    )
    drain_timeout: float = option(
        seconds(0.0, "a number of seconds, 0 or more"),
        10.0,
        "seconds that a stopping service waits for its sessions to end",
    )

    @classmethod
    def of(cls, options: SockJSOptions | Mapping[str, object] | None) -> SockJSOptions:
        """
        What a constructor was given as its options, as `SockJSOptions`.

        :param options: the options themselves, a dict of them by name (as in
            txsockjs 1.2.2), or None for the defaults.
        :raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        if isinstance(options, SockJSOptions):
            return options
        return cls.fromDict({} if options is None else options)

    @classmethod
    def fromDict(cls, options: Mapping[str, object]) -> SockJSOptions:
        """
        Build from a mapping of option names to values.

        :raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        for name in options:
            if name not in _NAMES:
                raise OptionError(name, noSuch("option", name, _NAMES))
        return cls(**options)  # type: ignore[arg-type]

    @classmethod
    def fromStrings(cls, options: Mapping[str, str]) -> SockJSOptions:
        """
        Build from strings, as an endpoint string or a command line has them: a list
        is written with commas (``"xhr,jsonp"``), a switch as ``true`` or ``false``.

        :raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        values: dict[str, object] = dict(options)
        origins = values.get("origins")
        if isinstance(origins, str) and not _DOTTED.fullmatch(origins):
            values["origins"] = splitWords(origins) or None
        return cls.fromDict(values)

    @staticmethod
    def fields() -> Iterable[tuple[str, object, str]]:
        """
        Each option's name, default and meaning.
        """
        for field in attrs.fields(SockJSOptions):
            yield field.name, field.default, field.metadata["help"]

    def offers(self, transport: str) -> bool:
        """
        Whether the service offers this transport, one of `TRANSPORTS`.
        """
        if transport in self.disabled_transports:
            return False
        return self.websocket or not transport.endswith("websocket")

    def allowsOrigin(self, origin: str, request: Any = None) -> bool:
        """
        Whether a page of this origin (``scheme://host[:port]`` or ``null``) may use the
        service. Compared whole, never by a part of it (RFC 6454, section 5).

        :param request: what comes from it, for ``"same"`` and for a callable that takes
            it too.
        """
        allowed = self.origins
        if allowed is None:
            return True
        if callable(allowed):
            more = (request,) if _takesRequest(allowed) else ()
            return bool(allowed(origin, *more))
        if matches(origin, allowed):
            return True
        if SAME not in allowed or request is None:
            return False
        schemes = {"https" if request.isSecure() else "http"}
        if self.proxy_header is not None:
            # The proxy may be the one that talks TLS.
            schemes = {"http", "https"}
        return isHost(origin, request.getHeader("Host") or "", schemes)

    def chooseSubprotocol(
        self, offers: Sequence[str], request: Any = None
    ) -> str | None:
        """
        The subprotocol to agree to of those that a client offers, or None.
        (RFC 6455, section 4.2.2)

        :param offers: their names, the one that the client likes best first.
        :param request: what comes from it, for a callable that takes it too.
        :raise ValueError: if a callable chooses what is not offered.
        """
        chooses = self.subprotocols
        if not callable(chooses):
            return firstOf(chooses, offers)
        more = (request,) if _takesRequest(chooses) else ()
        chosen = chooses(offers, *more)
        if chosen is None:
            return None
        if not isinstance(chosen, str) or chosen not in offers:
            raise ValueError(
                f"the option subprotocols chose {chosen!r}, which is none of those "
                f"offered: {', '.join(offers)}; it is to return one of them, or None"
            )
        return chosen


_NAMES = tuple(field.name for field in attrs.fields(SockJSOptions))

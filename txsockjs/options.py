"""The settings of one SockJS service: L{SockJSOptions}."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs
from twisted.python.reflect import namedAny

from txsockjs.errors import OptionError
from txsockjs.origins import canonical

#: What the option C{origins} holds: nothing, a set of origins, or a test of one.
Origins: TypeAlias = "frozenset[str] | Callable[[str], bool] | None"

#: What the option C{authorize} holds.
Authorize: TypeAlias = "Callable[[Any], object]"

#: The names that the option C{disabled_transports} knows.
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

_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))
_NONE = frozenset(("", "none"))
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError("True or False")


def _seconds(least: float, allowed: str) -> Callable[[object], float]:
    def convert(value: object) -> float:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            try:
                number = float(value)
            except (ValueError, OverflowError):
                number = math.nan
            if math.isfinite(number) and number >= least:
                return number
        raise ValueError(allowed)

    return convert


def _count(
    allowed: str, most: float = math.inf, least: int = 1
) -> Callable[[object], int]:
    def convert(value: object) -> int:
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        number = isinstance(value, int) and not isinstance(value, bool)
        if number and least <= value <= most:  # type: ignore[operator]
            return value  # type: ignore[return-value]
        raise ValueError(allowed)

    return convert


def _optional(convert: Callable[[object], Any]) -> Callable[[object], Any]:
    def optional(value: object) -> Any:
        if value is None or (isinstance(value, str) and value.lower() in _NONE):
            return None
        return convert(value)

    return optional


def _words(value: object) -> list[str]:
    """
    The items of a list, or of a string with commas.

    @raise TypeError: where an item is not a str.
    """
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, Iterable):
        raise TypeError
    words = list(value)
    if not all(isinstance(word, str) for word in words):
        raise TypeError
    return words


def _transports(value: object) -> frozenset[str]:
    allowed = "names out of " + ", ".join(TRANSPORTS)
    try:
        names = frozenset(_words(value))
    except TypeError:
        raise ValueError(allowed) from None
    if not names.issubset(TRANSPORTS):
        raise ValueError(allowed)
    return names


def _heartbeat(value: object) -> float | None:
    seconds = _optional(_seconds(0.0, "a number of seconds, or 0 or None for none"))(
        value
    )
    return seconds or None


def _encoding(value: object) -> str:
    allowed = "the name of a text encoding that Python knows, such as 'cp1252'"
    if not isinstance(value, str):
        raise ValueError(allowed)
    try:
        "a".encode(codecs.lookup(value).name)
    except LookupError:
        raise ValueError(allowed) from None
    return value


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
        "'https://example.com:8443', 'null'), or a callable that takes an origin"
    )
    if value is None or callable(value):
        return value
    try:
        if isinstance(value, str):
            # One origin as a str would pass for a list of letters.
            raise TypeError
        words = _words(value)
    except TypeError:
        raise ValueError(allowed) from None
    try:
        return frozenset(map(canonical, words))
    except ValueError as problem:
        raise ValueError(f"{allowed}; {problem}") from None


def _authorize(value: object) -> Authorize:
    allowed = "a callable that takes the opening request, or its dotted name, or None"
    if isinstance(value, str):
        try:
            value = namedAny(value)
        except Exception as error:
            raise ValueError(f"{allowed} ({error})") from None
    if not callable(value):
        raise ValueError(allowed)
    return value


def _named(convert: Callable[[object], Any]) -> Any:
    """
    Let the error of C{convert} name the option and the value.
    """

    def converter(value: object, field: attrs.Attribute[Any]) -> Any:
        try:
            return convert(value)
        except ValueError as allowed:
            raise OptionError(
                field.name, f"{value!r} will not do; it takes {allowed}"
            ) from None

    return attrs.Converter(converter, takes_field=True)


def _option(convert: Callable[[object], Any], default: object, help: str) -> Any:
    return attrs.field(
        default=default, converter=_named(convert), metadata={"help": help}
    )


@attrs.frozen(kw_only=True)
class SockJSOptions:
    """
    How one service behaves. Every option is checked when it is set.

    Sizes are bytes, times are seconds (floats). L{fields} tells name, default and
    meaning of each.
    """

    websocket: bool = _option(_boolean, True, "offer WebSocket, framed and raw")
    disabled_transports: frozenset[str] = _option(
        _transports, (), "transports that are not offered (404), with commas between"
    )
    cookie_needed: bool = _option(
        _boolean, False, "set a JSESSIONID cookie, for sticky load balancers"
    )
    heartbeat: float | None = _option(
        _heartbeat, 25.0, "seconds of silence before a heartbeat; 0: none"
    )
    timeout: float = _option(
        _seconds(0.001, "a number of seconds above 0"),
        5.0,
        "seconds without a receiver before a session is lost",
    )
    streaming_limit: int = _option(
        _count("a number of bytes, 1 or more"),
        131072,
        "bytes of one streaming response before the client must come again",
    )
    encoding: str = _option(
        _encoding, "cp1252", "encoding of the application's bytes that are not UTF-8"
    )
    sockjs_url: str = _option(
        _text, DEFAULT_SOCKJS_URL, "URL or path of the client script on the iframe page"
    )
    proxy_header: bytes | None = _option(
        _optional(_header),
        None,
        "header in which a trusted proxy tells the client's address; its last entry",
    )
    origins: Origins = _option(
        _origins, None, "origins that may use the service; none given: all"
    )
    max_message_size: int = _option(
        _count("a number of bytes, 1 or more"),
        1024 * 1024,
        "bytes of one inbound message or request body",
    )
    max_buffer: int = _option(
        _count("a number of bytes, 1 or more"),
        4 * 1024 * 1024,
        "undelivered bytes of one session, past which it is closed (1013)",
    )
    max_sessions: int | None = _option(
        _optional(_count("a number of sessions, 1 or more, or None")),
        None,
        "sessions open at a time, past which a new one is refused (503)",
    )
    verify_ip: bool = _option(
        _boolean, False, "answer for a session only to the host that opened it"
    )
    compression: bool = _option(
        _boolean, False, "offer permessage-deflate on WebSockets"
    )
    compression_memory_level: int = _option(
        _count("a level from 1 to 9", 9), 8, "zlib's memory level, 1 to 9"
    )
    compression_window_bits: int = _option(
        _count("a number of bits from 9 to 15", 15, 9),
        15,
        "zlib's window, 9 to 15 bits, either way",
    )
    authorize: Authorize | None = _option(
        _optional(_authorize),
        None,
        "what says who is calling; a callable, or its dotted name",
    )
    authorize_timeout: float = _option(
        _seconds(0.001, "a number of seconds above 0"),
        10.0,
        "seconds that authorize may take",
    )
    max_authorizing: int = _option(
        _count("a number of sessions, 1 or more"),
        1000,
        "sessions that wait for authorize, past which a new one is refused (503)",
    )
    drain_timeout: float = _option(
        _seconds(0.0, "a number of seconds, 0 or more"),
        10.0,
        "seconds that a stopping service waits for its sessions to end",
    )

    @classmethod
    def of(cls, options: SockJSOptions | Mapping[str, object] | None) -> SockJSOptions:
        """
        What a constructor was given as its options, as L{SockJSOptions}.

        @param options: the options themselves, a dict of them by name (as in
            txsockjs 1.2.2), or None for the defaults.
        @raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        if isinstance(options, SockJSOptions):
            return options
        return cls.fromDict({} if options is None else options)

    @classmethod
    def fromDict(cls, options: Mapping[str, object]) -> SockJSOptions:
        """
        Build from a mapping of option names to values.

        @raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        for name in options:
            if name not in _NAMES:
                raise OptionError(
                    name, "no such option; there are " + ", ".join(_NAMES)
                )
        return cls(**options)  # type: ignore[arg-type]

    @classmethod
    def fromStrings(cls, options: Mapping[str, str]) -> SockJSOptions:
        """
        Build from strings, as an endpoint string or a command line has them: a list
        is written with commas (C{"xhr,jsonp"}), a switch as C{true} or C{false}.

        @raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        values: dict[str, object] = dict(options)
        origins = values.get("origins")
        if isinstance(origins, str):
            values["origins"] = _words(origins) or None
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
        Whether the service offers this transport, one of L{TRANSPORTS}.
        """
        if transport in self.disabled_transports:
            return False
        return self.websocket or not transport.endswith("websocket")

    def allowsOrigin(self, origin: str) -> bool:
        """
        Whether a page of this origin (C{scheme://host[:port]} or C{null}) may use the
        service. Compared whole, never by a part of it (RFC 6454, section 5).
        """
        if self.origins is None:
            return True
        if callable(self.origins):
            return bool(self.origins(origin))
        return origin.lower() in self.origins


_NAMES = tuple(field.name for field in attrs.fields(SockJSOptions))

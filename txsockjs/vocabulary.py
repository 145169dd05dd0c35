"""The request and the settings, in the words of sockjs-tornado."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from http import HTTPStatus
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Any, Final

from txsockjs.converters import noSuch, splitWords
from txsockjs.errors import OptionError, Rejected
from txsockjs.options import SockJSOptions
from txsockjs.request import OpeningRequest

#: The settings of sockjs-tornado 1.0.7, and what they are where they are not given:
#: what they are there, but for the URL of the client.
DEFAULT_SETTINGS: Final[Mapping[str, object]] = {
    "session_check_interval": 1,
    "disconnect_delay": 5,
    "heartbeat_delay": 25,
    "disabled_transports": (),
    "sockjs_url": SockJSOptions().sockjs_url,
    "response_limit": 128 * 1024,
    "jsessionid": True,
    "immediate_flush": True,
    "disable_nagle": True,
    "verify_ip": True,
    "websocket_allow_origin": "*",
}

# What each of them is here.
_OPTIONS: Final = {
    "disconnect_delay": "timeout",
    "heartbeat_delay": "heartbeat",
    "disabled_transports": "disabled_transports",
    "sockjs_url": "sockjs_url",
    "response_limit": "streaming_limit",
    "jsessionid": "cookie_needed",
    "verify_ip": "verify_ip",
}

# Those that have nothing to do here: each session has its own timer, what a turn of
# the reactor writes goes out at its end, and Nagle's algorithm is always off.
_WITHOUT_EFFECT: Final = {"session_check_interval", "immediate_flush", "disable_nagle"}


def optionsOf(settings: Mapping[str, object]) -> SockJSOptions:
    """
    The options for settings of sockjs-tornado.

    :param settings: the values of some of `DEFAULT_SETTINGS`; and of options, by their
        names, which win.
    :raise OptionError: for a name that is neither, or a value that is not allowed.
    """
    names = tuple(name for name, _, _ in SockJSOptions.fields())
    options: dict[str, object] = {}
    # Those of sockjs-tornado come first, whatever the order of what is given.
    for name, value in {**DEFAULT_SETTINGS, **settings}.items():
        if name == "websocket_allow_origin":
            options["origins"] = _origins(value)
        elif name in _OPTIONS:
            options[_OPTIONS[name]] = value
        elif name in names:
            options[name] = value
        elif name not in _WITHOUT_EFFECT:
            known = (*DEFAULT_SETTINGS, *names)
            raise OptionError(name, noSuch("setting", name, known))
    return SockJSOptions.fromDict(options)


def _origins(value: object) -> object:
    """
    The option ``origins`` for hosts, each with its port if it has one of its own; the
    service's own is always one of them.
    """
    if value is None or value == "*":
        return None
    try:
        hosts = list(splitWords(value))
    except TypeError:
        raise OptionError(
            "websocket_allow_origin", f"'*' or a list of hosts, not {value!r}"
        ) from None
    origins = ["same"]
    for host in hosts:
        schemes = [""] if "://" in host else ["http://", "https://"]
        origins += [scheme + host for scheme in schemes]
    return origins


class Argument(str):
    """
    The value of an argument, as text. There it is bytes, so that programs decode it:
    that is possible, and makes no difference.
    """

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """
        The text.
        """
        return str(self)


class Headers(Mapping[str, str]):
    """
    Headers by name, in any case; those that came several times have commas between.
    """

    def __init__(self, headers: Mapping[str, Iterable[str]]) -> None:
        """
        :param headers: all values of each, by lower-case name.
        """
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return ",".join(self._headers[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)


class ConnectionInfo:
    """
    The request that opened a session, which ``on_open`` is called with.

    :ivar ip: the client's address, from the option ``proxy_header`` if that is set;
        None where it has none, as on a UNIX socket.
    :ivar path: the URL's path, without the query. ``-`` stands in place of the
        session's id, since who knows that can take the session.
    """

    def __init__(self, request: OpeningRequest) -> None:
        self._request = request
        self.ip: str | None = getattr(request.peer, "host", None)
        self.path: str = request.path

    @cached_property
    def arguments(self) -> Mapping[str, list[Argument]]:
        """
        The query's arguments, each with all its values.
        """
        return {
            name: list(map(Argument, values))
            for name, values in self._request.args.items()
        }

    @cached_property
    def cookies(self) -> Mapping[str, Morsel[str]]:
        """
        The cookies that came with it. One that has no name that a cookie can have is
        none of them.
        """
        cookies: dict[str, Morsel[str]] = {}
        decode = SimpleCookie().value_decode
        for name, value in self._request.cookies.items():
            morsel: Morsel[str] = Morsel()
            try:
                morsel.set(name, *decode(value))
            except CookieError:
                continue
            cookies[name] = morsel
        return cookies

    @cached_property
    def headers(self) -> Headers:
        """
        The headers that came with it.
        """
        return Headers(self._request.headers)

    def get_argument(self, name: str) -> Argument | None:
        """
        The first value of an argument of the query, or None.
        """
        values = self.arguments.get(name)
        return values[0] if values else None

    def get_cookie(self, name: str) -> Morsel[str] | None:
        """
        A cookie, whose text is its ``value``, or None.
        """
        return self.cookies.get(name)

    def get_header(self, name: str) -> str | None:
        """
        A header, whatever the case of its name, or None.
        """
        return self.headers.get(name)


def rejection(error: Exception) -> tuple[int, str] | None:
    """
    How the session is closed of a connection whose ``on_open`` has raised.

    :param error: `Rejected`, or what has an HTTP status as its ``status_code``, such
        as Tornado's ``HTTPError``.
    :return: code and reason: 4000 and the status, and the error's ``reason`` or what
        HTTP calls the status. None for any other error.
    """
    if isinstance(error, Rejected):
        return error.code, error.reason
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or not 100 <= status <= 599:
        return None
    reason: Any = getattr(error, "reason", None)
    if not isinstance(reason, str) or not reason:
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Rejected"
    return 4000 + status, reason

"""
Which services a server has for the suite, and what each of them can show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import attrs

from txsockjs.conformance.client import Target
from txsockjs.errors import NothingToCheck

STREAMING_LIMIT = 4096
"""Bytes of a streaming response, in the services of the protocol's test servers."""

STANDARD = {
    "echo": "echo",
    "close": "close",
    "cookie": "cookie_needed_echo",
    "disabled": "disabled_websocket_echo",
}
"""The names of the services of the protocol's test servers, by what each is for."""

OPTIONS = {
    "close": "--close",
    "cookie": "--cookie-needed",
    "disabled": "--disabled-websocket",
}
"""What names the other services to the command."""


@attrs.frozen
class Services:
    """
    What a server offers to the suite.

    Each service has a role: ``echo``; the same where it has WebSockets (``websocket``),
    sets no cookie (``plain``), or takes binary messages (``binary``); an echo with
    ``cookie_needed`` (``cookie``), or without WebSocket (``disabled``); one that closes
    each session at once (``close``).

    :ivar paths: the path of the service in each role that there is one for.
    :ivar missing: why there is none, for each other role.
    :ivar limit: the bytes of a streaming response, or None where that is not known.
    :ivar standard: whether they are those of the protocol's test servers, which have
        known options.
    """

    paths: Mapping[str, str]
    missing: Mapping[str, str]
    limit: int | None = STREAMING_LIMIT
    standard: bool = True

    @classmethod
    def below(cls, path: str) -> Services:
        """
        The services of the protocol's test servers, all below one path.
        """
        path = path.rstrip("/")
        paths = {role: f"{path}/{name}" for role, name in STANDARD.items()}
        paths |= {"websocket": paths["echo"], "plain": paths["echo"]}
        return cls({**paths, "binary": paths["cookie"]}, {})


def pathOf(url: str, origin: str = "") -> str:
    """
    The path of a URL, without a slash at its end.

    :param origin: where the URL must be, if not empty.
    :raise ValueError: it is no URL of http or https, or is elsewhere.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no URL: give one like http://host:8080/echo")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} has more than scheme, host, port and path: drop it")
    if origin and f"{parts.scheme}://{parts.netloc}" != origin:
        raise ValueError(f"{url!r} is not at {origin}: all services are of one server")
    if parts.port == 0:
        raise ValueError(f"{url!r} has port 0: give the one that the server listens on")
    return parts.path.rstrip("/")


async def discover(
    target: Target,
    path: str,
    others: Mapping[str, str],
    limit: int | None = None,
) -> Services:
    """
    Find out what a server offers.

    :param path: of an echo, or what the services of a test server lie below.
    :param others: the paths of services that the user has named, by role.
    :param limit: bytes of a streaming response, where the user has said so.
    :raise NothingToCheck: nothing answers there, or nothing does that echoes.
    """
    info = await _info(target, path)
    if isinstance(info, dict):
        services = _single(path, info, others, limit)
    else:
        answer = info
        info = await _info(target, f"{path}/echo")
        if not isinstance(info, dict):
            raise NothingToCheck(
                f"no SockJS service at {target.origin}{path or '/'}: {answer} at "
                f"{path}/info, and {info} at {path}/echo/info. Give the URL of an echo"
            )
        services = await _standard(target, path, others, limit)
    await _assertEchoes(target, services.paths["echo"])
    return services


def _single(
    path: str, info: dict[str, Any], others: Mapping[str, str], limit: int | None
) -> Services:
    """
    One echo, and what was named beside it.
    """
    paths = {"echo": path, "websocket": path, "plain": path, **others}
    missing = {
        role: f"no service for it was named ({option} URL)"
        for role, option in OPTIONS.items()
    }
    if info.get("websocket") is False:
        missing["websocket"] = "the service has no WebSocket, as its info says"
        del paths["websocket"]
        paths.setdefault("disabled", path)
    if info.get("cookie_needed") is True:
        missing["plain"] = "the service needs cookies, as its info says"
        del paths["plain"]
        paths.setdefault("cookie", path)
    missing["binary"] = "whether the application takes binary messages is not known"
    missing = {role: why for role, why in missing.items() if role not in paths}
    return Services(paths, missing, limit, standard=False)


async def _standard(
    target: Target, path: str, others: Mapping[str, str], limit: int | None
) -> Services:
    """
    The services of a test server, as far as they are there, and what was named.
    """
    services = Services.below(path)
    paths, missing = {**services.paths, **others}, {}
    for role in OPTIONS:
        if role not in others:
            answer = await _info(target, paths[role])
            if not isinstance(answer, dict):
                missing[role] = f"no service at {paths.pop(role)}: {answer}"
    if "cookie" in missing:
        missing["binary"] = missing["cookie"]
        del paths["binary"]
    return Services(paths, missing, limit or services.limit)


async def _info(target: Target, path: str) -> dict[str, Any] | str:
    """
    What ``info`` of a service says, or else what came instead of it.

    :raise NothingToCheck: the server cannot be reached.
    """
    try:
        reply = await target.request("GET", f"{path}/info")
        body = await reply.stream.readAll()
    except AssertionError as error:
        return str(error)
    except Exception as error:
        raise NothingToCheck(
            f"nothing answers at {target.origin}{path or '/'}: {_said(error)}"
        ) from error
    if reply.status != 200:
        return f"status {reply.status}"
    try:
        info = json.loads(body)
    except (ValueError, RecursionError):
        return "no JSON"
    return info if isinstance(info, dict) else "no JSON object"


def _said(error: BaseException | None) -> str:
    """
    What an error says, on one line.
    """
    reasons = getattr(error, "reasons", None)
    if reasons:
        return "; ".join(_said(reason.value) for reason in reasons)
    return " ".join(str(error).split()) or type(error).__name__


async def _assertEchoes(target: Target, path: str) -> None:
    """
    Look whether a service is an echo. Any other fault of it is left to the checks.

    :raise NothingToCheck: it takes messages, and does not send them back.
    """
    word, url = uuid4().hex, f"{path}/000/{uuid4().hex}"

    async def post(transport: str, body: bytes = b"") -> tuple[int, bytes]:
        reply = await target.request("POST", f"{url}/{transport}", {}, body)
        try:
            return reply.status, await reply.stream.readAll()
        finally:
            await reply.stream.stop()

    try:
        opened = await post("xhr")
        sent = await post("xhr_send", json.dumps([word]).encode())
    except Exception:
        return
    if opened != (200, b"o\n") or sent[0] != 204:
        return
    try:
        _, body = await post("xhr")
    except Exception:
        body = b""
    if word.encode() not in body:
        raise NothingToCheck(
            f"the service at {target.origin}{path} is no echo: it does not send back "
            "what it is sent, so there is little to check. Give the URL of an echo"
        )

"""What a service says of itself: `Info`, and `fetch`. (PROTOCOL sections 3 and 9.)"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from txsockjs.client.place import Web
from txsockjs.client.url import SockJSURL
from txsockjs.errors import InfoFailed, InvalidURL, RequestFailed

# Bytes of info, past which it is none.
_LARGEST: Final = 65536


@attrs.frozen
class Info:
    """
    What a service says of itself.

    :ivar websocket: whether it offers WebSocket.
    :ivar cookieNeeded: whether its load balancer wants cookies.
    :ivar baseURL: what its session URLs begin with, where it says so.
    """

    websocket: bool = True
    cookieNeeded: bool = False
    baseURL: str | None = None

    @classmethod
    def parse(cls, body: bytes) -> Info:
        """
        Read what a service has answered. What is missing has its default.

        :raise InfoFailed: if that is no info.
        """
        try:
            value: Any = json.loads(body)
        except (ValueError, RecursionError):
            raise InfoFailed(f"it is no JSON: {body[:60]!r}") from None
        if not isinstance(value, dict):
            raise InfoFailed(f"it is no JSON object: {body[:60]!r}")
        for name, default in (("websocket", True), ("cookie_needed", False)):
            if not isinstance(value.setdefault(name, default), bool):
                raise InfoFailed(f"{name!r} is not true or false: {value[name]!r:.60}")
        baseURL = value.get("base_url")
        if baseURL is not None and not isinstance(baseURL, str):
            raise InfoFailed(f"'base_url' is no URL: {baseURL!r:.60}")
        return cls(value["websocket"], value["cookie_needed"], baseURL or None)

    def base(self, url: SockJSURL) -> SockJSURL:
        """
        Where the sessions of the service are.

        :param url: where this info was found.
        :raise InfoFailed: if it names no such place, or one without TLS in place of one
            with it.
        """
        if self.baseURL is None:
            return url
        named = self.baseURL
        if named.startswith("/") and not named.startswith("//"):
            named = "/".join(url.base.split("/", 3)[:3]) + named
        problem = f"the info at {url.info} has a 'base_url' that cannot be used"
        try:
            base = SockJSURL.parse(named)
        except InvalidURL:
            # What makes it none may be as long as info can be.
            raise InfoFailed(f"{problem}: {self.baseURL!r:.100}") from None
        if url.secure and not base.secure:
            raise InfoFailed(f"{problem}, from https to http: {self.baseURL!r:.100}")
        return base


async def fetch(
    web: Web, url: SockJSURL, clock: IReactorTime, timeout: float
) -> tuple[Info, float]:
    """
    Ask a service what it offers.

    :param timeout: how many seconds that may take.
    :return: what it says, and how many seconds a trip to it and back took.
    :raise InfoFailed: if it does not say, in time or at all.
    """
    began = clock.seconds()
    asking = Deferred.fromCoroutine(_ask(web, url.info))
    late = InfoFailed(f"it did not come within {timeout:g} s (info_timeout)")

    def timedOut(result: object, seconds: float) -> Failure:
        return Failure(late)

    asking.addTimeout(timeout, clock, timedOut)
    try:
        return Info.parse(await asking), clock.seconds() - began
    except (InfoFailed, RequestFailed) as error:
        raise InfoFailed(f"there is no info at {url.info}: {error}") from error


async def _ask(web: Web, url: str) -> bytes:
    response = await _cancellable(web.request("GET", url))
    if response.code != 200:
        response.connection.abort()
        raise InfoFailed(f"the server answered {response.status}")
    body: bytes = await response.read(_LARGEST)
    return body


def _cancellable(requested: Deferred[Any]) -> Deferred[Any]:
    """
    The same result; but to cancel it is no failure of the request.
    """

    def cancel(result: Deferred[Any]) -> None:
        result.errback(CancelledError())
        requested.cancel()

    def fire(value: Any) -> None:
        if not result.called:
            result.callback(value)

    result: Deferred[Any] = Deferred(cancel)
    requested.addBoth(fire)
    return result

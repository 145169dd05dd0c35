"""The pages of a service that no session is behind: greeting, info, iframe."""

from __future__ import annotations

import json
from hashlib import sha256
from html import escape
from secrets import randbits
from typing import ClassVar, Final

from twisted.web.server import Request

from txsockjs.core.service import Service
from txsockjs.errors import ServiceStopping
from txsockjs.options import Origins
from txsockjs.origins import SAME
from txsockjs.transports.base import ServiceResource
from txsockjs.web.etags import matches
from txsockjs.web.headers import EMBEDDED, HeaderRules, Policy, cacheForAYear
from txsockjs.web.response import PLAIN, empty, forMethod, isEncoded

_IFRAME: Final = """\
<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{url}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>
"""


class _Page(ServiceResource):
    """
    A page that anybody may GET, or HEAD, and that no script reads across origins.
    """

    policy: ClassVar[Policy] = Policy(0)
    method = b"GET"
    hasHead = True

    def options(self, request: Request) -> int:
        request.setResponseCode(204)
        request.setHeader(b"Allow", self._allow)
        return empty(request)


class Greeting(_Page):
    """
    The base URL: tells a person, or a load balancer, that there is a service.
    (PROTOCOL section 1)
    """

    def answer(self, request: Request) -> bytes:
        self._checkUp()
        request.setHeader(b"Content-Type", PLAIN)
        return forMethod(request, b"Welcome to SockJS!\n")

    def options(self, request: Request) -> int:
        self._checkUp()
        return super().options(request)

    def _checkUp(self) -> None:
        # Load balancers ask here whether to send more: HEAD, GET or OPTIONS.
        if self.service.stopping:
            raise ServiceStopping


class Iframe(_Page):
    """
    The page that the client's iframe transports load. (PROTOCOL section 4)
    """

    def __init__(self, service: Service, rules: HeaderRules) -> None:
        super().__init__(service, rules)
        url = escape(service.options.sockjs_url, quote=True)
        self._body = _IFRAME.format(url=url).encode("utf-8")
        self._ancestors = _frameAncestors(service.options.origins)
        self._etag = b'"%b"' % sha256(self._body).hexdigest()[:32].encode("ascii")

    def answer(self, request: Request) -> bytes | int:
        # Whoever frames this page can use the service in its name.
        self.rules.checkOrigin(request)
        for name, value in EMBEDDED:
            request.setHeader(name, value)
        if self._ancestors is not None:
            request.setHeader(b"Content-Security-Policy", self._ancestors)
        if self.service.options.origins is None:
            cacheForAYear(request, self.service.clock)
        else:
            # Who may have it depends on who asks, and is asked each time.
            request.setHeader(b"Cache-Control", b"private, no-cache")
            request.responseHeaders.addRawHeader(
                b"Vary", b"Origin, Referer, Sec-Fetch-Site"
            )
        tag = self._etag
        if isEncoded(request):
            # RFC 9110, section 8.8.1: this is not the same byte for byte.
            tag = b"W/" + tag
            request.responseHeaders.addRawHeader(b"Vary", b"Accept-Encoding")
        request.setHeader(b"ETag", tag)
        known = request.requestHeaders.getRawHeaders(b"If-None-Match", ())
        if matches(self._etag, known):
            request.setResponseCode(304)
            return empty(request)
        request.setHeader(b"Content-Type", b"text/html; charset=UTF-8")
        return forMethod(request, self._body)


def _frameAncestors(origins: Origins) -> bytes | None:
    """
    The header that lets a browser frame a page on these origins alone.
    """
    if not isinstance(origins, frozenset):
        return None
    # The origin "null" has no name there. (CSP Level 3, section 6.4.2)
    allowed = sorted(origins - {"null", SAME})
    if SAME in origins:
        allowed.insert(0, "'self'")
    if not allowed:
        allowed.append("'none'")
    return b"frame-ancestors " + " ".join(allowed).encode("ascii")


class Info(ServiceResource):
    """
    What the service offers. The client takes the time that the answer needs as its
    round trip. (PROTOCOL section 3)
    """

    policy: ClassVar[Policy] = Policy.CORS | Policy.NEVER_CACHED
    method = b"GET"
    hasHead = True

    def __init__(self, service: Service, rules: HeaderRules) -> None:
        super().__init__(service, rules)
        options = service.options
        told: dict[str, object] = {
            "websocket": options.offers("websocket"),
            "cookie_needed": options.cookie_needed,
            "origins": ["*:*"],
        }
        if options.base_url is not None:
            told["base_url"] = options.base_url
        info = json.dumps(told)
        self._start = info[:-1].encode("ascii") + b', "entropy": '

    def answer(self, request: Request) -> bytes:
        if self.service.stopping:
            raise ServiceStopping
        self.headers(request).apply(request)
        request.setHeader(b"Content-Type", b"application/json; charset=UTF-8")
        return forMethod(request, b"%b%d}" % (self._start, randbits(32)))

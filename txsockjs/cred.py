"""Who is calling, by ``twisted.cred``: `authorizePortal`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from twisted.cred.credentials import ICredentials
from twisted.cred.error import LoginFailed, Unauthorized, UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.guard import BasicCredentialFactory

from txsockjs.errors import Rejected
from txsockjs.options import Authorize
from txsockjs.request import OpeningRequest
from txsockjs.transport import Login

#: What finds somebody's credentials in the opening request.
Credentials: TypeAlias = Callable[[OpeningRequest], object]

_REFUSALS: Final = (LoginFailed, Unauthorized)

_basic = BasicCredentialFactory("")


def authorizePortal(
    portal: Portal, credentials: Credentials, *interfaces: Any
) -> Authorize:
    """Make an option ``authorize`` of a Portal: ``transport.avatar`` is the avatar,
    which is logged out when the session is over.

    The Realm gets the opening request as the ``mind``. Who cannot log in is rejected
    with 4401, ``Unauthorized``. Credentials that the Portal has no checker for are a
    fault of the server: they are logged, and close with 1011.

    :param portal: what they log in with.
    :param credentials: finds the credentials, which provide `ICredentials
        <twisted.cred.credentials.ICredentials>`, in the `OpeningRequest`; it may raise
        `LoginFailed` or `Rejected`.
    :param interfaces: what the avatar has to provide, one of them.
    """

    def authorize(request: OpeningRequest) -> Deferred[Login]:
        try:
            found = cast(ICredentials, credentials(request))
        except _REFUSALS:
            raise Rejected from None
        login = portal.login(found, request, *interfaces)
        return login.addCallbacks(_loggedIn, _refused)

    return authorize


def _loggedIn(result: tuple[Any, object, Callable[[], object]]) -> Login:
    _, avatar, logout = result
    return Login(avatar, logout)


def _refused(reason: Failure) -> Failure:
    if reason.check(UnhandledCredentials) or not reason.check(*_REFUSALS):
        return reason
    raise Rejected from reason.value


def basicCredentials(request: OpeningRequest) -> ICredentials:
    """
    The name and password that a browser sends by itself where its user has logged in to
    the page by HTTP's ``Basic`` scheme (RFC 7617), as with
    `HTTPAuthSessionWrapper <twisted.web.guard.HTTPAuthSessionWrapper>`.

    :raise LoginFailed: if there are none.
    """
    headers = request.headers.get("authorization", ())
    scheme, _, response = "".join(headers).partition(" ")
    if len(headers) != 1 or scheme.lower() != "basic":
        raise LoginFailed("no name and password")
    found: ICredentials = _basic.decode(response.encode("latin-1"), None)
    return found

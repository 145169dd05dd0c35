"""Tests of `txsockjs.cred`, over a whole server in memory."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.cred.checkers import (
    AllowAnonymousAccess,
    ICredentialsChecker,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import Anonymous, IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginDenied, LoginFailed
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from tests.support.authorizing import TRANSPORTS, AuthorizeTestCase
from txsockjs import OpeningRequest, Rejected
from txsockjs.cred import authorizePortal, basicCredentials


class IPerson(Interface):
    """What an avatar is."""


@implementer(IRealm)
class Realm:
    """Keeps who is logged in."""

    denies = False

    def __init__(self) -> None:
        self.present: list[object] = []
        self.minds: list[Any] = []

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Any:
        if self.denies:
            raise LoginDenied
        self.minds.append(mind)
        self.present.append(avatarId)
        return interfaces[0], avatarId, lambda: self.present.remove(avatarId)


@implementer(ICredentialsChecker)
class SlowChecker:
    """Checks when the test says so."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []

    def requestAvatarId(self, credentials: object) -> Deferred[Any]:
        self.asked.append(Deferred())
        return self.asked[-1]


def fromQuery(request: OpeningRequest) -> UsernamePassword:
    """Credentials in the query, which no one should do."""
    [name], [password] = request.args["name"], request.args["password"]
    return UsernamePassword(name.encode(), password.encode())


class PortalTests(AuthorizeTestCase):
    """``authorizePortal``."""

    def portal(self, *checkers: Any, credentials: Any = fromQuery) -> None:
        self.realm = Realm()
        portal = Portal(self.realm, checkers)
        self.serve(authorizePortal(portal, credentials, IPerson))

    def users(self) -> Any:
        return InMemoryUsernamePasswordDatabaseDontUse(bob=b"secret")

    def come(self, password: str = "secret", transport: str = "websocket") -> Any:
        """A browser comes as bob."""
        path = f"/000/{password}{transport}/{transport}?name=bob&password={password}"
        if transport == "websocket":
            return self.client.websocket(path)
        method = "POST" if transport.startswith("xhr") else "GET"
        return self.client.request(method, path + "&c=c")

    def test_avatar(self) -> None:
        """Who logs in has the avatar, until the session is over, on every transport."""
        for transport in TRANSPORTS:
            self.portal(self.users())
            self.come(transport=transport)
            self.assertCalling(b"bob")
            self.assertEqual(self.realm.present, [b"bob"])
            self.callers.made[0].transport.loseConnection()
            self.site.advance(6)
            self.assertEqual(self.realm.present, [])

    def test_wrong(self) -> None:
        """Who cannot is rejected, and nothing is logged."""
        self.portal(self.users())
        self.assertEqual(self.come("guess").messages, ['c[4401,"Unauthorized"]'])
        raw = self.client.websocket("/websocket?name=bob&password=guess")
        self.assertEqual(raw.ended, (4401, "Unauthorized"))
        for transport in TRANSPORTS[1:]:
            body = self.come("guess", transport).body
            self.assertIn(b"Unauthorized", body)
        self.assertEqual((self.callers.made, self.realm.minds), ([], []))

    def test_denied(self) -> None:
        """So is who the Realm denies a login."""
        self.portal(self.users())
        self.realm.denies = True
        self.assertEqual(self.come().messages, ['c[4401,"Unauthorized"]'])

    def test_mind(self) -> None:
        """The Realm gets the opening request."""
        self.portal(self.users())
        self.come()
        [request] = self.realm.minds
        self.assertEqual(request.transport, "websocket")

    def test_noChecker(self) -> None:
        """Credentials that nobody checks are a fault of the server."""
        self.portal(credentials=lambda request: Anonymous())
        self.assertEqual(self.session().closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(LoginFailed)), 1)

    def test_anonymous(self) -> None:
        """Where anybody may come, anybody may."""
        self.portal(AllowAnonymousAccess(), credentials=lambda request: Anonymous())
        self.assertTrue(self.session().opened)
        self.assertCalling(())

    def test_noCredentials(self) -> None:
        """Credentials that are not there, or are told to be wrong, reject."""

        def fails(error: Exception) -> Any:
            return lambda request: Failure(error).raiseException()

        for error in LoginFailed(), Rejected(4000, "no"):
            self.portal(self.users(), credentials=fails(error))
            code = 4000 if isinstance(error, Rejected) else 4401
            self.assertEqual((self.session().closed or [0])[0], code)

    def test_leaves(self) -> None:
        """A browser that leaves meanwhile cancels the login."""
        checker = SlowChecker()
        self.portal(checker)
        self.come().abort()
        self.assertTrue(checker.asked[0].called)
        self.assertEqual(self.realm.present, [])
        self.assertForgotten()


class BasicTests(AuthorizeTestCase):
    """``basicCredentials``."""

    def come(self, authorization: str | bytes | None) -> Any:
        """A browser comes with this header."""
        users = InMemoryUsernamePasswordDatabaseDontUse(bob=b"se:cret")
        portal = Portal(Realm(), [users])
        self.serve(authorizePortal(portal, basicCredentials, IPerson))
        headers = {} if authorization is None else {"Authorization": authorization}
        return self.client.websocket("/websocket", headers).ended

    def test_right(self) -> None:
        """Name and password of the Basic scheme log in."""
        for scheme in "Basic", "basic":
            coded = b64encode(b"bob:se:cret").decode()
            self.assertIsNone(self.come(f"{scheme} {coded}"))
            self.assertCalling(b"bob")

    def test_wrong(self) -> None:
        """Anything else rejects."""
        coded = b64encode(b"bob:guess").decode()
        wrong = None, "", "Basic", "Basic !", f"Digest {coded}", f"Basic {coded}"
        for header in (*wrong, "Basic Ym9i", b"Basic \xc3\xa9"):
            self.assertEqual(self.come(header), (4401, "Unauthorized"), header)

    def test_twice(self) -> None:
        """Two headers do not make one."""
        self.come(None)
        coded = b64encode(b"bob:se:cret").decode()
        headers = ("Authorization", f"Basic {coded[:4]}"), ("Authorization", coded[4:])
        answer = self.client.request("POST", "/0/s/xhr", headers)
        self.assertEqual(answer.body, b'c[4401,"Unauthorized"]\n')

"""What a viewer who has the token may do: `Actions`."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from txsockjs.transports.resource import SockJSResource

#: Characters that a token has at least: nobody is to find it by trying.
MIN_TOKEN: Final = 16

# Seconds between two lines of the log about wrong tokens.
_TELL_INTERVAL: Final = 60

# What a session is told that somebody closes by hand.
_CLOSED: Final = (3000, "Closed by the operator")


def checkToken(token: str) -> str:
    """
    A token, if it will do.

    :raise ValueError: if it is too short, or has anything but printable ASCII in it.
    """
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
        raise ValueError(
            f"the token of the status page is {MIN_TOKEN} or more printable ASCII "
            "characters, such as `openssl rand -hex 16` prints",
        )
    return token


class Refused(Exception):
    """
    An action that is not done. The message is for the viewer.
    """


class WrongToken(Refused):
    """
    It did not have the token.
    """


class Actions:
    """
    What may be done to services and their sessions. Each asks for the token anew: a
    page of somebody else's, which has none, can do nothing.

    :ivar possible: whether there is a token at all.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        services: Iterable[SockJSResource],
        token: str | None,
    ) -> None:
        """
        :param clock: what tells the time.
        :param services: to what.
        :param token: who has it may; None: nobody may.
        """
        self._clock = clock
        self._services = services
        self._token = None if token is None else checkToken(token).encode("ascii")
        self.possible: bool = token is not None
        self._tellAgain = -math.inf
        self._wrong = 0

    def do(self, asked: Mapping[str, object], peer: str) -> str:
        """
        Do what a viewer asks for.

        :param asked: ``do``, which is ``"unlock"``, ``"close"``, ``"service"`` or
            ``"drain"``; ``token``; and what the action is for, ``service`` and ``key``.
        :param peer: where the viewer is, for the log.
        :return: what was done, in words.
        :raise Refused: if it was not.
        """
        if self._token is None:
            raise Refused("This page is for reading only: the server has no token.")
        token = asked.get("token")
        given = token.encode("utf-8", "replace") if isinstance(token, str) else b""
        if not hmac.compare_digest(given, self._token):
            self._tellWrong(peer)
            raise WrongToken("That is not the token.")
        action = asked.get("do")
        if action == "unlock":
            return "Actions are unlocked."
        if action == "close":
            return self._close(asked, peer)
        if action == "service":
            service = self._named(asked)
            return self._drain([service], f"Service {service.counters.service}", peer)
        if action == "drain":
            return self._drain(list(self._services), "All services", peer)
        raise Refused("There is no such action.")

    def _tellWrong(self, peer: str) -> None:
        """
        Tell the log, which whoever tries tokens does not fill.
        """
        self._wrong += 1
        now = self._clock.seconds()
        if now >= self._tellAgain:
            self._tellAgain = now + _TELL_INTERVAL
            self._log.warn(
                "The status page's viewer at {peer} has a wrong token. Wrong ones "
                "since the last such line: {count}.",
                peer=peer,
                count=self._wrong,
            )
            self._wrong = 0

    def _named(self, asked: Mapping[str, object]) -> SockJSResource:
        for service in list(self._services):
            if service.counters.service == asked.get("service"):
                return service
        raise Refused("There is no such service any more.")

    def _close(self, asked: Mapping[str, object], peer: str) -> str:
        key: Any = asked.get("key")
        service = self._named(asked)
        if not isinstance(key, int) or not service.openSessions().close(key, *_CLOSED):
            raise Refused("That session has ended already.")
        self._log.info(
            "The status page's viewer at {peer} has closed session {key} of {service}.",
            peer=peer,
            key=key,
            service=service.counters.service,
        )
        return f"Session {key} of {service.counters.service} is closed."

    def _drain(self, services: list[SockJSResource], what: str, peer: str) -> str:
        for service in services:
            self._log.info(
                "The status page's viewer at {peer} drains {service}: it takes no new "
                "sessions until it is started again.",
                peer=peer,
                service=service.counters.service,
            )
            service.closeSessions()
        verb = "drain" if what.startswith("All") else "drains"
        return f"{what} {verb}: sessions are told, and no new ones are taken."

"""Endpoints whose queues of connections are long: `BacklogReactor`."""

from __future__ import annotations

from typing import Any, Final

from zope.interface import directlyProvides, providedBy

#: How many connections may wait to be accepted where an endpoint string does not say.
BACKLOG: Final = 1024

#: What endpoints ask for where it does not say.
_UNSAID: Final = 50


class BacklogReactor:
    """
    A reactor to one endpoint string, whose ports have `BACKLOG` where the string says
    nothing of that. All else of it is the reactor's own.
    """

    def __init__(self, reactor: Any, description: str) -> None:
        """
        :param description: the string.
        """
        self._reactor = reactor
        self._isSaid = "backlog=" in description
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def _orMore(self, backlog: int) -> int:
        return BACKLOG if backlog == _UNSAID and not self._isSaid else backlog

    def listenTCP(
        self, port: int, factory: Any, backlog: int = _UNSAID, interface: str = ""
    ) -> Any:
        return self._reactor.listenTCP(port, factory, self._orMore(backlog), interface)

    def listenSSL(
        self,
        port: int,
        factory: Any,
        contextFactory: Any,
        backlog: int = _UNSAID,
        interface: str = "",
    ) -> Any:
        return self._reactor.listenSSL(
            port, factory, contextFactory, self._orMore(backlog), interface
        )

    def listenUNIX(
        self,
        address: str,
        factory: Any,
        backlog: int = _UNSAID,
        mode: int = 0o666,
        wantPID: int = 0,
    ) -> Any:
        return self._reactor.listenUNIX(
            address, factory, self._orMore(backlog), mode, wantPID
        )

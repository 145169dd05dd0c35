"""A browser's side: `MemoryClient`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Unpack

from txsockjs.testing.browser import Browser
from txsockjs.testing.loop import turn
from txsockjs.testing.session import TRANSPORTS, MemorySession
from txsockjs.testing.values import (
    Peer,
    Query,
    RequestHeaders,
    SessionValues,
    withQuery,
)

__all__ = ["MemoryClient", "MemorySession"]


class MemoryClient(Browser):
    """
    A browser's side of a `MemorySite`: requests, each on the first connection that is
    free; WebSockets; and whole SockJS sessions. A Site may have any number of clients,
    and a client any number of sessions. It keeps no cookies beside those that it is
    given: `MemoryResponse.cookies` are there for the next request.
    """

    def session(
        self,
        transport: str = "websocket",
        prefix: str = "",
        *,
        query: Query = (),
        headers: RequestHeaders = (),
        cookies: Mapping[str, str] | None = None,
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
        peer: Peer | None = None,
    ) -> MemorySession:
        """
        Open a SockJS session.

        :param transport: ``"websocket"``, or one of the receiving HTTP transports.
        :param prefix: where the service is, such as ``"/chat"``.
        :param query: the query of the URL that the page opens: a dict of text, or of
            lists of it; pairs; or the text of the query.
        :param headers: what each of its requests has beside the client's.
        :param cookies: names and values beside the client's.
        :param origin: the origin of the page, in place of the client's.
        :param subprotocols: what a WebSocket can speak, in order of preference.
        :param peer: an address of its own, or its host alone.
        :raise ValueError: for a transport that there is not, or for what no browser can
            send.
        """
        if transport not in TRANSPORTS:
            close = get_close_matches(transport.replace("-", "_"), TRANSPORTS, 1, 0.5)
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(
                f"there is no transport {transport!r}{meant}; there are "
                f"{', '.join(TRANSPORTS)}, and MemoryClient.websocket for raw ones"
            )
        if isinstance(subprotocols, str):
            raise TypeError(f"subprotocols is a list: [{subprotocols!r}]")
        if subprotocols and transport != "websocket":
            raise ValueError(
                f"{transport} has no subprotocols, and cannot speak {subprotocols!r}: "
                f"leave them out, or open a websocket"
            )
        opening = self.opening.adding(headers, cookies, origin)
        client = self
        if peer is not None:
            client = MemoryClient(
                self.site,
                peer,
                secure=self._secure,
                certificate=self._certificate,
                delay=self._delay,
            )
        where, _, more = prefix.partition("?")
        where = f"/{where.strip('/')}" if where.strip("/") else ""
        path = f"{where}/000/{next(self.site.sessionIds)}"
        query = withQuery(f"?{more}" if more else "", query)
        session = MemorySession(client, transport, path, query, opening, subprotocols)
        self.site.settle()
        return session

    async def open(
        self,
        transport: str = "websocket",
        prefix: str = "",
        *,
        timeout: float = 10.0,
        **values: Unpack[SessionValues],
    ) -> MemorySession:
        """
        Do as `session`, from inside of what runs the test, which may be asyncio; and
        wait until the session is open, or is refused.

        :param timeout: after how many seconds of real time it is given up.
        :param values: as `session` has them.
        :raise AssertionError: if neither is so by then.
        """
        await turn()
        session = self.session(transport, prefix, **values)
        await self.site.until(
            lambda: session.opened or session.closed,
            timeout,
            "the session is neither open nor refused",
        )
        return session

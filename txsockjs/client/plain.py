"""Requests with bodies as they are: `Body`, `PlainAgent`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from txsockjs.client.connections import Watch
from txsockjs.client.responses import WebResponse
from txsockjs.client.servers import Server
from txsockjs.errors import RequestFailed


@implementer(IBodyProducer)
class Body:
    """
    A body that is there already.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length: int = len(data)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass


@implementer(IAgent)
class PlainAgent:
    """
    An agent whose responses are not compressed, and know their connection.
    """

    def __init__(self, agent: IAgent, watch: Watch) -> None:
        self._agent = agent
        self._watch = watch

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        headers = Headers() if headers is None else headers.copy()
        # A few bytes that unfold to many would pass every bound.
        headers.setRawHeaders("Accept-Encoding", ["identity"])
        url = uri.decode("ascii")
        requested = self._agent.request(method, uri, headers, bodyProducer)
        return requested.addCallback(self._responded, url)

    def _responded(self, response: IResponse, url: str) -> IResponse:
        # The head has been read a moment ago, by the connection that it came on.
        connection = self._watch.current
        assert connection is not None
        web = WebResponse(response, url, str(Server(url)), connection)
        coding = b",".join(response.headers.getRawHeaders(b"Content-Encoding", []))
        if coding.strip().lower() not in (b"", b"identity"):
            connection.abort()
            raise RequestFailed(
                f"{url}: the response is compressed ({coding.decode('latin-1')}), "
                "though the request said identity"
            )
        return web

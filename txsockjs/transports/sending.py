"""The sending transports: a request that brings messages. L{SendingResource}."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.core.frames import decode, mostMessages
from txsockjs.errors import (
    MessageTooBig,
    PayloadExpected,
    UnknownSession,
    WireError,
)
from txsockjs.transports.base import ServiceResource
from txsockjs.web.headers import HeaderBlock, Policy
from txsockjs.web.response import PLAIN, respond


class SendingResource(ServiceResource):
    """
    One sending transport of a service. Its errors leave the session unharmed.

    @cvar code: the status that tells that the messages were taken.
    @cvar body: the body that does.
    """

    method: ClassVar[bytes] = b"POST"
    policy: ClassVar[Policy] = Policy.SESSION
    code: ClassVar[int]
    body: ClassVar[bytes]

    def payload(self, request: Request, body: bytes) -> bytes:
        """
        The JSON in a request's body.
        """
        return body

    def answer(self, request: Request, headers: HeaderBlock) -> int:
        _, session = self.session(request)
        if session is None:
            raise UnknownSession
        # Read one byte past the limit: enough to know.
        limit = self.service.options.max_message_size
        assert request.content is not None
        body = request.content.read(limit + 1)
        if len(body) > limit:
            raise MessageTooBig
        payload = self.payload(request, body)
        if not payload:
            raise PayloadExpected
        messages = decode(payload, mostMessages(limit))
        taken = session.receive(messages, len(payload))
        if taken is None:
            return self._succeed(request, headers)
        # The application has stopped reading: so does the client, until then.
        gone = request.notifyFinish()
        gone.addErrback(lambda reason: None)
        taken.addCallbacks(
            partial(self._taken, request, headers),
            partial(self._dropped, request, headers),
        )
        return NOT_DONE_YET

    def _succeed(self, request: Request, headers: HeaderBlock) -> int:
        return respond(request, self.code, headers, PLAIN, self.body)

    def _taken(self, request: Request, headers: HeaderBlock, result: None) -> None:
        if not request._disconnected:
            self._succeed(request, headers)

    def _dropped(self, request: Request, headers: HeaderBlock, reason: Failure) -> None:
        error = reason.value
        if not isinstance(error, WireError):
            reason.raiseException()
        elif not request._disconnected:
            respond(request, error.status, headers, PLAIN, error.text.encode("utf-8"))

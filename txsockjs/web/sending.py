"""The sending transports: a request that brings messages. L{SendingResource}."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.core.frames import decode
from txsockjs.errors import (
    MessageTooBig,
    PayloadExpected,
    UnknownSession,
    WireError,
)
from txsockjs.web.base import ServiceResource, refuse
from txsockjs.web.headers import Policy


class SendingResource(ServiceResource):
    """
    One sending transport of a service. Its errors leave the session unharmed.
    """

    method: ClassVar[bytes] = b"POST"
    policy: ClassVar[Policy] = Policy.SESSION

    def payload(self, request: Request, body: bytes) -> bytes:
        """
        The JSON in a request's body.
        """
        return body

    def succeed(self, request: Request) -> bytes | int:
        """
        Answer that the messages were taken.
        """
        raise NotImplementedError

    def answer(self, request: Request) -> bytes | int:
        _, session = self.session(request)
        if session is None:
            raise UnknownSession
        # Read one byte past the limit: enough to know.
        limit = self.registry.options.max_message_size
        assert request.content is not None
        body = request.content.read(limit + 1)
        if len(body) > limit:
            raise MessageTooBig
        payload = self.payload(request, body)
        if not payload:
            raise PayloadExpected
        taken = session.receive(decode(payload))
        if taken is None:
            return self.succeed(request)
        # The application has stopped reading: so does the client, until then.
        gone = request.notifyFinish()
        gone.addErrback(lambda reason: None)
        taken.addCallbacks(
            partial(self._taken, request), partial(self._dropped, request)
        )
        return NOT_DONE_YET

    def _taken(self, request: Request, result: None) -> None:
        if not request._disconnected:
            self._end(request, self.succeed(request))

    def _dropped(self, request: Request, reason: Failure) -> None:
        if not isinstance(reason.value, WireError):
            reason.raiseException()
        elif not request._disconnected:
            self._end(request, refuse(request, reason.value))

    def _end(self, request: Request, body: bytes | int) -> None:
        if isinstance(body, bytes):
            request.setHeader(b"Content-Length", b"%d" % len(body))
            request.write(body)
            request.finish()

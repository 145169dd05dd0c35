"""The sending transports: a request that brings messages. `SendingResource`."""

from __future__ import annotations

from functools import partial
from typing import ClassVar
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.core.frames import decode, mostMessages
from txsockjs.core.service import Service
from txsockjs.errors import (
    BrokenJSON,
    MessageTooBig,
    PayloadExpected,
    UnknownSession,
    WireError,
)
from txsockjs.transports.base import ServiceResource
from txsockjs.web.headers import HeaderRules, Policy
from txsockjs.web.response import PLAIN, respond


class SendingResource(ServiceResource):
    """
    One sending transport of a service. Its errors leave the session unharmed.

    :cvar code: the status that tells that the messages were taken.
    :cvar body: the body that does.
    :cvar form: whether the JSON may be in a form's field ``d``.
    """

    method: ClassVar[bytes] = b"POST"
    policy: ClassVar[Policy] = Policy.SESSION
    code: ClassVar[int]
    body: ClassVar[bytes]
    form: ClassVar[bool] = False
    opens: ClassVar[bool | None] = False

    def __init__(self, service: Service, rules: HeaderRules) -> None:
        super().__init__(service, rules)
        self._limit = service.options.max_message_size
        self._most = mostMessages(self._limit)

    def answer(self, request: Request) -> int:
        assert request.postpath is not None and request.content is not None
        id = request.postpath[-2]
        session = self.service.byId.get(id)
        if session is None:
            ending = self.service.ending(id, self.rules.owner(request))
            if not self.service.isParting(ending):
                raise UnknownSession
            return self._succeed(request)
        if session.owner is not None:
            self.checkOwner(request, session)
        # Read one byte past the limit: enough to know.
        body = request.content.read(self._limit + 1)
        if len(body) > self._limit:
            raise MessageTooBig
        payload = _field(request, body) if self.form else body
        if not payload:
            raise PayloadExpected
        messages = decode(payload, self._most)
        try:
            taken = session.receive(messages, len(payload))
        except UnknownSession:
            if not self.service.isParting(session.closeFrame):
                raise
            # Refused, the client would give up before it reads why the session ends,
            # which is on its way.
            taken = None
        if taken is None:
            return self._succeed(request)
        # The application has stopped reading: so does the client, until then.
        gone = request.notifyFinish()
        gone.addErrback(lambda reason: None)
        taken.addCallbacks(
            partial(self._taken, request, gone),
            partial(self._dropped, request, gone),
        )
        return NOT_DONE_YET

    def _succeed(self, request: Request) -> int:
        return respond(request, self.code, self.headers(request), PLAIN, self.body)

    def _taken(self, request: Request, gone: Deferred[None], result: None) -> None:
        if not gone.called:
            self._succeed(request)

    def _dropped(self, request: Request, gone: Deferred[None], reason: Failure) -> None:
        error = reason.value
        if not isinstance(error, WireError):
            reason.raiseException()
        elif not gone.called:
            headers, text = self.headers(request), error.text.encode("utf-8")
            respond(request, error.status, headers, PLAIN, text)


def _field(request: Request, body: bytes) -> bytes:
    """
    What is in the field ``d`` of a form; what is no form is JSON.
    """
    contentType = request.getHeader(b"Content-Type") or b""
    kind = contentType.partition(b";")[0].strip().lower()
    if kind != b"application/x-www-form-urlencoded":
        return body
    try:
        # As latin-1, every byte comes through, percent-encoded or not.
        fields = parse_qs(body.decode("latin-1"), encoding="latin-1", max_num_fields=16)
    except ValueError:
        raise BrokenJSON from None
    return fields.get("d", [""])[-1].encode("latin-1")

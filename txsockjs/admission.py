"""How a session comes to be: who is calling, and what answers. `Admission`.

A session stays new, its receiver waiting, until it is known whether it may be opened.
Whoever is asked about that may end it meanwhile, or stop the whole service.
"""

from __future__ import annotations

from functools import partial
from inspect import isawaitable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsockjs.core.frames import GO_AWAY, Close
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.core.states import State
from txsockjs.coroutines import CANCELLED, start
from txsockjs.errors import Rejected
from txsockjs.interfaces import IReceiver
from txsockjs.messaging import FAULT
from txsockjs.request import OpeningRequest
from txsockjs.transport import (
    ANYBODY,
    Login,
    SecureSessionTransport,
    SessionTransport,
)

_TOO_SLOW: Final = Close(1013, "Authorization timed out")


class _TooSlow(Exception):
    """
    The option ``authorize`` took longer than ``authorize_timeout``.
    """


class Admission:
    """
    Opens the sessions of one service, with the protocols of its factory, or refuses
    them.
    """

    _log = Logger()

    def __init__(self, service: Service, factory: IProtocolFactory) -> None:
        self._service = service
        self._factory = factory

    def open(
        self,
        id: bytes | None,
        receiver: IReceiver,
        request: OpeningRequest,
        owner: object = None,
    ) -> None:
        """
        Make a new session, and open it as soon as it is known that it may be.

        :param id: its id, or None for one that lives on a WebSocket.
        :param receiver: its first receiver.
        :param request: what asks for it.
        :param owner: who may use it besides knowing its id.
        """
        start = partial(self._start, receiver, request, owner)
        self._service.open(id, start, request.transport)

    def _start(
        self,
        receiver: IReceiver,
        request: OpeningRequest,
        owner: object,
        session: Session,
    ) -> None:
        session.owner = owner
        session.wait(receiver)
        authorize = self._service.options.authorize
        if authorize is None:
            self._connect(session, receiver, request, ANYBODY)
            return
        try:
            result = authorize(request)
            if not isinstance(result, Deferred) and isawaitable(result):
                result = start(result)
        except BaseException:
            self._refuse(session, receiver, request, Failure())
            return
        if not isinstance(result, Deferred):
            self._connect(session, receiver, request, result)
            return
        decided: Deferred[object] = Deferred(partial(_cancel, result))
        self._service.authorizing += 1
        session.onEnd = decided.cancel
        seconds = self._service.options.authorize_timeout
        decided.addTimeout(seconds, self._service.clock, _tooSlow)
        decided.addBoth(self._authorized, session, receiver, request)
        result.addBoth(self._answered, decided, request)
        if session.state is not State.NEW:
            # It ended while authorize was called.
            decided.cancel()

    def _answered(
        self, result: object, decided: Deferred[object], request: OpeningRequest
    ) -> None:
        """
        The answer has come, perhaps from one that went on after it was cancelled.
        """
        if not decided.called:
            decided.callback(result)
        elif isinstance(result, Login):
            self._logout(result, request)
        elif isinstance(result, Failure) and not result.check(Rejected, *CANCELLED):
            self._raised(result, request)

    def _authorized(
        self,
        result: object,
        session: Session,
        receiver: IReceiver,
        request: OpeningRequest,
    ) -> None:
        self._service.authorizing -= 1
        session.onEnd = None
        if isinstance(result, Failure):
            self._refuse(session, receiver, request, result)
        else:
            self._connect(session, receiver, request, result)

    def _refuse(
        self,
        session: Session,
        receiver: IReceiver,
        request: OpeningRequest,
        reason: Failure,
    ) -> None:
        error = reason.value
        wanted = session.state is State.NEW
        if not wanted and reason.check(Rejected, _TooSlow, *CANCELLED):
            return
        cause, close = "Fault", FAULT
        if isinstance(error, Rejected):
            cause, close = "Rejected", Close(error.code, error.reason)
        elif isinstance(error, _TooSlow):
            cause, close = "TimedOut", _TOO_SLOW
            self._log.warn(
                "A {transport} session was not authorized within {seconds} seconds; "
                "it is refused.",
                service=request.service,
                transport=request.transport,
                code=close.code,
                seconds=self._service.options.authorize_timeout,
            )
        else:
            self._raised(reason, request)
        self._turnAway(session, receiver, close, cause)

    def _raised(self, reason: Failure, request: OpeningRequest) -> None:
        self._log.failure(
            "authorize raised; a {transport} session is refused.",
            failure=reason,
            service=request.service,
            transport=request.transport,
            code=FAULT.code,
        )

    def _turnAway(
        self, session: Session, receiver: IReceiver, close: Close, cause: str
    ) -> None:
        if session.state is State.NEW:
            self._service.counters.refused[cause] += 1
            session.refuse(close, receiver)

    def _connect(
        self,
        session: Session,
        receiver: IReceiver,
        request: OpeningRequest,
        avatar: object,
    ) -> None:
        """
        Give the session a protocol of the factory's, or refuse it where the factory
        does.
        """
        login = avatar if isinstance(avatar, Login) else Login(avatar)
        transport = None
        close, cause = GO_AWAY, "Declined"
        try:
            if session.state is State.NEW:
                transport = self._build(session, request, login)
        except BaseException:
            close, cause = FAULT, "Fault"
            self._log.failure(
                "{factory!r} raised in buildProtocol; its session is refused.",
                factory=self._factory,
                service=request.service,
                transport=request.transport,
                code=FAULT.code,
            )
        if transport is not None and session.state is State.NEW:
            session.open(transport, receiver)
            return
        self._logout(login, request)
        self._turnAway(session, receiver, close, cause)

    def _build(
        self, session: Session, request: OpeningRequest, login: Login
    ) -> SessionTransport | None:
        protocol = self._factory.buildProtocol(request.peer)
        if protocol is None:
            return None
        kind = SecureSessionTransport if request.secure else SessionTransport
        encoding = self._service.options.encoding
        return kind(session, protocol, request, encoding, login)

    def _logout(self, login: Login, request: OpeningRequest) -> None:
        try:
            login.logout()
        except BaseException:
            self._log.failure(
                "logout raised; a {transport} session was not opened.",
                service=request.service,
                transport=request.transport,
            )


def _cancel(result: Deferred[object], decided: Deferred[object]) -> None:
    """
    Have an authorization come to its end, which is what it raises if it cannot.
    """
    try:
        result.cancel()
    except BaseException:
        decided.errback()


def _tooSlow(result: object, seconds: float) -> object:
    """
    What an authorization that was cancelled for its time comes to: itself, if it came
    to an end all the same.
    """
    if isinstance(result, Failure) and result.check(*CANCELLED):
        raise _TooSlow
    return result

"""Rooms as a service that is ready: `RoomsFactory`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.clock import Clock, clockOr
from txsockjs.coroutines import start
from txsockjs.errors import Rejected
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.rooms.directory import Rooms
from txsockjs.rooms.protocol import (
    ATTENTIVE,
    FAILED,
    HARMLESS,
    QUIET,
    Refused,
    Request,
    parse,
    readId,
    readRequest,
    write,
    writePresence,
)
from txsockjs.rooms.room import Room

# How many requests of a session are remembered, to be known if they come again.
_REMEMBERED: Final = 64

#: What the argument ``mayJoin`` is: a function of the avatar and the room's name.
MayJoin: TypeAlias = Callable[[Any, str], Any]

#: What the argument ``mayPublish`` is: of the avatar, the room's name and the text.
MayPublish: TypeAlias = Callable[[Any, str, str], Any]

# The answer to a request to join that was done before.
_JOINED: Final = Refused("alreadyMember", "This request was done before.")


@implementer(ISockJSMessageReceiver)
class RoomsProtocol(Protocol):
    """
    One client. It has one request done after the other: what it sends meanwhile waits,
    and is not read beyond that.

    A browser sends an HTTP request again, unseen by its page, where the connection is
    lost before the answer. A request that has an id is known then, and done once.
    """

    transport: Any = None
    _log = Logger()

    def __init__(self, factory: RoomsFactory) -> None:
        self.factory: RoomsFactory = factory
        self._unread: deque[str] = deque()
        self._busy = False
        # What requests were answered, by their ids and the hashes of their texts, the
        # oldest first. They are made where there are any.
        self._answers: dict[tuple[str | int, int], str] | None = None

    def messageReceived(self, message: str) -> None:
        """
        A request has come.
        """
        self._unread.append(message)
        if not self._busy:
            self._next()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._unread.clear()

    def _next(self) -> None:
        """
        Do what was asked, one after the other, as long as nobody has to be waited for.
        """
        self._busy = True
        while self._unread:
            doing = Deferred.fromCoroutine(self._do(self._unread.popleft()))
            doing.addErrback(self._failed)
            if not doing.called:
                self.transport.pauseProducing()
                doing.addCallback(self._goOn)
                return
        self._busy = False

    def _goOn(self, result: None) -> None:
        self._next()
        if not self._busy:
            self.transport.resumeProducing()

    def _failed(self, reason: Failure) -> None:
        """
        Something could not even be answered: that is a fault of ours.
        """
        self._log.failure(
            "A request of rooms could not be answered; its {transport} session is "
            "dropped. Please report it, with this traceback.",
            failure=reason,
            service=self.transport.request.service,
            transport=self.transport.request.transport,
        )
        self.transport.abortConnection()

    async def _do(self, message: str) -> None:
        """
        Do what one message asks, and answer.
        """
        fields: dict[str, Any] = {}
        key = answer = None
        try:
            fields = parse(message)
            key = self._key(message, fields)
            if key is not None and self._answers is not None:
                answer = self._answers.get(key)
            if answer is None:
                answer = await self._answer(readRequest(fields))
                self._remember(key, answer, fields)
        except Refused as refused:
            self.factory.refused[refused.code] += 1
            answer = self._refusal(refused, fields)
            self._remember(key, answer, fields)
        if answer is not None:
            self.transport.sendMessage(answer)
        if self.transport.crowded:
            # Who does not read what is answered is not read from.
            await self.transport.whenDrained()

    def _key(
        self, message: str, fields: dict[str, Any]
    ) -> tuple[str | int, int] | None:
        """
        What a request is known by, if it may come again and must not be done again.
        """
        id = readId(fields)
        if (
            id is None
            or fields.get("type") in HARMLESS
            or self.transport.request.transport.endswith("websocket")
        ):
            return None
        return id, hash(message)

    def _remember(
        self, key: tuple[str | int, int] | None, answer: str | None, fields: Any
    ) -> None:
        """
        Keep the answer to a request, in case that it comes again.
        """
        if key is None:
            return
        if answer is None:
            # It was joined. What was told since is not told again.
            answer = self._refusal(_JOINED, fields)
        if self._answers is None:
            self._answers = {}
        elif len(self._answers) >= _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = answer

    async def _answer(self, request: Request) -> str | None:
        try:
            if request.type == "positions":
                return self._positions(request)
            room = self.factory.rooms.room(request.room)
            answer: str | None = await getattr(self, f"_{request.type}")(request, room)
            return answer
        except Refused:
            raise
        except Exception as error:
            refused = Refused.by(error)
            if refused.code == FAILED:
                self._log.failure(
                    "What was asked of a room could not be done.",
                    service=self.transport.request.service,
                    transport=self.transport.request.transport,
                )
            raise refused from None

    def _refusal(self, refused: Refused, fields: dict[str, Any]) -> str:
        """
        How an error is told: with as much of the request as can be made out.
        """
        room, type = fields.get("room"), fields.get("type")
        return write(
            "error",
            room if isinstance(room, str) and len(room) <= 1024 else None,
            code=refused.code,
            message=refused.problem,
            request=type if isinstance(type, str) and len(type) <= 16 else None,
            id=readId(fields),
        )

    async def _may(self, right: Callable[..., Any], *args: Any) -> Any:
        """
        Ask the application.

        :return: what it says, if that is not no.
        :raise Refused: if it is, or it takes too long.
        """
        try:
            said = right(self.transport.avatar, *args)
            if isawaitable(said) and not isinstance(said, Deferred):
                said = start(said)
            if isinstance(said, Deferred):
                said.addTimeout(self.factory.rightsTimeout, self.factory.clock)
                said = await said
        except Rejected as error:
            raise Refused("forbidden", error.reason) from None
        except TimeoutError:
            raise Refused("unavailable", "That could not be decided in time.") from None
        if said is None or said is False:
            raise Refused("forbidden", "You may not do that.")
        return said

    # What is asked

    async def _join(self, request: Request, room: Room) -> None:
        info = request.info
        if self.factory.mayJoin is not None:
            said = await self._may(self.factory.mayJoin, room.name)
            info = info if said is True else said
        await room.join(
            self.transport,
            info,
            since=request.since,
            recent=request.recent,
            wording=ATTENTIVE if request.presence else QUIET,
        )

    async def _leave(self, request: Request, room: Room) -> str:
        await room.leave(self.transport)
        return write("left", room.name, id=request.id)

    async def _publish(self, request: Request, room: Room) -> str | None:
        text = request.text
        if self.factory.mayPublish is not None:
            said = await self._may(self.factory.mayPublish, room.name, text)
            text = text if said is True else said
        else:
            self._checkMember(room)
        position = await room.publish(text)
        if request.id is None:
            return None
        return write("published", room.name, position=position, id=request.id)

    async def _presence(self, request: Request, room: Room) -> str:
        self._checkMember(room)
        return writePresence(room.name, await room.members(), id=request.id)

    def _positions(self, request: Request) -> str:
        """
        What was sent before this is on its way before it.
        """
        rooms = {
            room.name: str(room.position)
            for room in self.factory.rooms.attendance.rooms(self.transport)
            if room.position is not None
        }
        return write("positions", rooms=rooms, id=request.id)

    def _checkMember(self, room: Room) -> None:
        if self.transport not in room:
            raise Refused("notMember", "You are not in this room.")


class RoomsFactory(Factory):
    """
    A service of rooms for browsers, with the JSON protocol of ``docs/rooms.rst``. It is
    a factory like any other, for `SockJSFactory <txsockjs.factory.SockJSFactory>` and
    the like::

        site = SockJSFactory(RoomsFactory(rooms, mayJoin=lambda avatar, room: True))

    :cvar rightsTimeout: seconds that ``mayJoin`` and ``mayPublish`` may take.
    :ivar rooms: the rooms. Where none were given it has some of its own, from its first
        session or its start on.
    :ivar mayJoin: who may join which room.
    :ivar mayPublish: who may publish what in which room.
    :ivar refused: how many requests were refused, by the code that was told.
    :ivar clock: what tells the time.
    """

    rightsTimeout: float = 10.0

    def __init__(
        self,
        rooms: Rooms | None = None,
        mayJoin: MayJoin | None = None,
        mayPublish: MayPublish | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        """
        :param rooms: the rooms; some of its own, of this process alone, if not given.
        :param mayJoin: is called with the avatar of the session and the name of the
            room. It returns True to let it in with the info that it gives; an info,
            such as a dict, to let it in with that; or False or None. It may return a
            Deferred or be a coroutine function, and may raise `Rejected
            <txsockjs.errors.Rejected>` for a reason that the client is told. Everybody
            may join every room if it is not given.
        :param mayPublish: is called with the avatar, the name and the text, and returns
            True to have it published; a text to have that published; or False or None.
            Otherwise it is as ``mayJoin``. Members may publish if it is not given.
        :param clock: what tells the time; the global reactor if not given.
        """
        self.mayJoin = mayJoin
        self.mayPublish = mayPublish
        self.refused: Counter[str] = Counter()
        self._rooms = rooms
        self._own = False
        self._clock = clock

    @property
    def clock(self) -> IReactorTime:
        """
        What tells the time.
        """
        self._clock = clockOr(self._clock)
        return self._clock

    @property
    def rooms(self) -> Rooms:
        """
        The rooms.
        """
        if self._rooms is None:
            self._rooms = Rooms(clock=self._clock)
            self._own = True
        return self._rooms

    @rooms.setter
    def rooms(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._own = False

    @property
    def needsRooms(self) -> bool:
        """
        Whether it was given none yet.
        """
        return self._rooms is None

    def startFactory(self) -> None:
        if self._own:
            self.rooms.start()

    def stopFactory(self) -> None:
        if self._own:
            self.rooms.stop()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return RoomsProtocol(self)

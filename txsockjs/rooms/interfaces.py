"""The seam of rooms: an `IBroker` carries messages and presence between processes.

`Rooms <txsockjs.rooms.Rooms>` does what is the same for all brokers: who the members
are, limits, encoding, the closing of gaps. A broker does what differs: where the
history is, and how other processes hear of what is new.

Text of rooms is any ``str``, with the lone surrogates that JavaScript can send, and
comes out as it went in. Names of rooms are not empty and can be encoded in UTF-8;
members' ids are ASCII letters, digits, ``-`` and ``.``. `Rooms <txsockjs.rooms.Rooms>`
has checked them, and the limits of their length, before it calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import Attribute

from txsockjs._checkers import Interface

if TYPE_CHECKING:
    from txsockjs.rooms.values import Entry, History, Position


class IBroker(Interface):
    """
    What joins the rooms of all processes that use the same one, or of this process
    alone.

    Whatever its Deferreds are of, they fire in bounded time. They fail with
    `BrokerUnavailable <txsockjs.errors.BrokerUnavailable>` where the broker is down,
    goes down before it has answered, takes longer than it may, or answers what it must
    not; with nothing else. None is kept for later: what is asked while it is down fails
    at once. Cancelling one gives up the waiting, not the work.
    """

    up: bool = Attribute(
        "Whether it can be asked: True between IBrokerListener.brokerUp and brokerDown."
    )

    def start(listener: IBrokerListener) -> None:
        """
        Begin, and go on until `stop`: try to be up, again and again, with pauses that
        grow up to a bound and have jitter. That it cannot is no error: the listener
        hears `IBrokerListener.brokerUp` when it can. It logs one line when it goes
        down or cannot come up at first, and one when it is up (again); none for the
        tries in between.

        :param listener: what is told; there is one. Nothing is called before this
            returns, except `IBrokerListener.brokerUp`.
        :raise RuntimeError: if it was started, and not stopped since.
        """

    def stop() -> Deferred[None]:
        """
        End in good order: the members that this process has entered leave, its
        subscriptions end, connections are closed. The listener hears nothing from the
        call on. It can be started again afterwards.

        :return: what fires when all is done that can be. It never fails, and fires in
            bounded time with a broker that does not answer, too. Without effect, and
            fired at once, where it is not started.
        """

    def publish(
        room: str, text: str, history: int, ttl: float
    ) -> Deferred[Position | None]:
        """
        Give a message to everybody who has subscribed to the room, in every process,
        this one included.

        With a history the message is appended to it, gets the next offset, and is
        handed to the subscribers in one step that cannot be half done: the live order
        is the order of the history. Publishes of one process to one room take effect in
        the order of the calls.

        :param room: the room's name.
        :param text: the message.
        :param history: how many messages the room keeps; 0 for none. The oldest go
            first, and at once; one or so more may be kept.
        :param ttl: seconds that its history is kept after the last publish.
        :return: the message's position, or None where ``history`` is 0. It fails where
            the message was not taken, or that is not known:
            `BrokerUnavailable.uncertain <txsockjs.errors.BrokerUnavailable>` tells the
            latter. It may fire before or after this process's listener gets the
            message.
        """

    def subscribe(room: str) -> Deferred[None]:
        """
        Have the listener get what is published in a room, and the coming and going of
        its members.

        When it has fired, whatever is published from then on comes; and nothing falls
        between: a message is in what `read` gives when it is called after that, or
        comes to the listener, or both.

        A subscription ends with `unsubscribe`, or when the broker goes down: after
        `IBrokerListener.brokerUp` the listener subscribes again to what it wants. To
        subscribe twice is the same as once.

        :param room: the room's name.
        """

    def unsubscribe(room: str) -> Deferred[None]:
        """
        Have the listener get nothing of the room any more, from the call on. Without
        effect where there is no subscription. A `subscribe` that follows takes effect
        after it, without waiting for it.

        :param room: the room's name.
        """

    def read(room: str, since: Position) -> Deferred[History]:
        """
        Read what came after a position.

        :param room: the name of a room that has a history.
        :param since: the position of the last message that is known, with any values: a
            client may have made it up.
        :return: the messages after it. `History.complete
            <txsockjs.rooms.values.History>` is False where some of them are no longer
            there, where ``since`` lies beyond the newest one (then there are no
            entries), and where it is of another epoch (then they are all that the
            history holds). Where there is no position yet, one is made, as by `recent`.
        """

    def recent(room: str, count: int) -> Deferred[History]:
        """
        Read the newest messages, and the room's position.

        A room that nobody has published in has a position too, with offset 0: it is
        made here where there is none, and kept as if a message had been published.

        :param room: the name of a room that has a history.
        :param count: how many at most, 0 or more.
        :return: those there are. `History.complete <txsockjs.rooms.values.History>` is
            True.
        """

    def enter(room: str, members: Mapping[str, str]) -> Deferred[None]:
        """
        Have members of this process be present in a room, until they `leave`.

        The broker keeps them present while this process lives and it is up. Those of a
        process that is gone, or was cut off for longer than the broker's time to live
        (30 s unless it was given another), are removed, and
        `IBrokerListener.memberLeft` is called for each of them, once, by whichever
        process finds out: within twice that time, as long as a process that is up has
        subscribed to the room.

        Those who are new are told to the subscribers, by
        `IBrokerListener.memberJoined`. Who is present already is not, and gets the new
        info: so the listener can call it again with all its members after
        `IBrokerListener.brokerUp`, and does.

        :param room: the room's name. It need not be subscribed to.
        :param members: their info, as text, by their ids. Ids are unique among all
            processes.
        """

    def leave(room: str, members: Collection[str]) -> Deferred[None]:
        """
        Have members of this process be present no longer, also those whose `enter` was
        asked for before and is not answered yet: what one process asks of one room
        takes effect in the order of the calls. The subscribers are told of those who
        were. From the call on, the broker does not keep them present, even where it
        fails: then they go as those of a process that is gone do.

        :param room: the room's name.
        :param members: their ids. One that is not present is no error.
        """

    def members(room: str) -> Deferred[Mapping[str, str]]:
        """
        Read who is present.

        :param room: the room's name.
        :return: all of them with their info, by their ids, in no order. Who is gone for
            longer than the time to live is not among them.
        """


class Broker(Protocol):
    """
    An `IBroker`, as it is known to type checkers without zope's plugin.
    """

    @property
    def up(self) -> bool:
        """
        As `IBroker.up`.
        """

    def start(self, listener: Any) -> None:
        """
        As `IBroker.start`.
        """

    def stop(self) -> Deferred[None]:
        """
        As `IBroker.stop`.
        """

    def publish(
        self, room: str, text: str, history: int, ttl: float
    ) -> Deferred[Position | None]:
        """
        As `IBroker.publish`.
        """

    def subscribe(self, room: str) -> Deferred[None]:
        """
        As `IBroker.subscribe`.
        """

    def unsubscribe(self, room: str) -> Deferred[None]:
        """
        As `IBroker.unsubscribe`.
        """

    def read(self, room: str, since: Position) -> Deferred[History]:
        """
        As `IBroker.read`.
        """

    def recent(self, room: str, count: int) -> Deferred[History]:
        """
        As `IBroker.recent`.
        """

    def enter(self, room: str, members: Mapping[str, str]) -> Deferred[None]:
        """
        As `IBroker.enter`.
        """

    def leave(self, room: str, members: Collection[str]) -> Deferred[None]:
        """
        As `IBroker.leave`.
        """

    def members(self, room: str) -> Deferred[Mapping[str, str]]:
        """
        As `IBroker.members`.
        """


#: What constructors take as a broker, for type checkers with that plugin and without.
AnyBroker: TypeAlias = "IBroker | Broker"


class IBrokerListener(Interface):
    """
    What an `IBroker` tells of what it hears: `Rooms <txsockjs.rooms.Rooms>`.

    None of the methods raises, and any of them may call back into the broker. The
    broker calls none of them while one is running: what comes in meanwhile waits its
    turn. They may be called from inside a call of the broker's, such as
    `IBroker.publish`.
    """

    def brokerUp() -> None:
        """
        It can be asked now. There is no subscription.
        """

    def brokerDown(reason: Failure) -> None:
        """
        It cannot be asked any more. Subscriptions have ended, and messages may be
        missed from here on. What was asked and not answered fails before or after this.
        """

    def received(room: str, entry: Entry) -> None:
        """
        A message was published in a room that is subscribed to. With positions, they
        come in order and none comes twice in one subscription; where a hole is seen,
        something was lost on the way, and `IBroker.read` has it.
        """

    def memberJoined(room: str, member: str, info: str) -> None:
        """
        A member has entered a room that is subscribed to, in any process. Told at most
        once.
        """

    def memberLeft(room: str, member: str, info: str) -> None:
        """
        A member is present no longer. Told at most once; not told when the broker was
        down meanwhile.

        :param info: the member's info, as it was last entered.
        """

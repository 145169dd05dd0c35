"""The states of a session and of its receiver, and what makes them change.

The session::

    NEW --OPENED--> OPEN --CLOSED, FAILED--> CLOSING --TOLD--> CLOSED
     |                                          ^
     +--REFUSED---------------------------------+

and from any of them to GONE, when its peer is LOST, the time has EXPIRED, or it is
ABORTED. The receiver::

    NONE --ATTACHED--> READY --WRITING--> FULL --ROOM--> READY
     |                                     | |
     +--HELD-------------------------------+ +--LAST--> DONE --ATTACHED--> READY

and back to NONE when it is DROPPED. The two are told apart: a session that is CLOSING
may have a receiver that is FULL, and one that is OPEN none at all.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, ClassVar, Final


class State(enum.Enum):
    """
    Where in its life a session is.
    """

    # That of enum takes longer than all else that is done with a member.
    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    #: Nobody was told anything yet.
    NEW = "new"
    #: The application is connected.
    OPEN = "open"
    #: The application closed it; what it wrote before is still on its way.
    CLOSING = "closing"
    #: The close frame went out; later receivers get it again.
    CLOSED = "closed"
    #: Forgotten.
    GONE = "gone"


class Condition(enum.Enum):
    """
    What can be done with a session's receiver.
    """

    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    #: There is none.
    NONE = "none"
    #: It takes a frame.
    READY = "ready"
    #: It takes none now: it has enough, or is just being given one.
    FULL = "full"
    #: It has taken its last frame.
    DONE = "done"


class Event(enum.Enum):
    """
    Why a state changes.
    """

    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    #: It is known that the session may be opened.
    OPENED = "opened"
    #: It may not.
    REFUSED = "refused"
    #: The application, or a service that stops, closes.
    CLOSED = "closed"
    #: The application has raised, or has sent more than may wait.
    FAILED = "failed"
    #: The close frame went out.
    TOLD = "told"
    #: The connection under the receiver ended before it should.
    LOST = "lost"
    #: Nobody came for too long.
    EXPIRED = "expired"
    #: The application, or a service that has stopped, drops it.
    ABORTED = "aborted"

    #: A receiver has come before it is known whether there is a session for it.
    HELD = "held"
    #: A receiver has come, or is held no longer.
    ATTACHED = "attached"
    #: A frame is being given to it.
    WRITING = "writing"
    #: It has room for a frame.
    ROOM = "room"
    #: It took the last frame that it can take.
    LAST = "last"
    #: It is gone.
    DROPPED = "dropped"


_ENDS: Final = {
    Event.LOST: State.GONE,
    Event.EXPIRED: State.GONE,
    Event.ABORTED: State.GONE,
}

#: What each event makes of a session's state. No other event can happen in it.
STATES: Final[dict[State, dict[Event, State]]] = {
    State.NEW: {
        Event.OPENED: State.OPEN,
        Event.REFUSED: State.CLOSING,
        **_ENDS,
    },
    State.OPEN: {
        Event.CLOSED: State.CLOSING,
        Event.FAILED: State.CLOSING,
        **_ENDS,
    },
    State.CLOSING: {Event.TOLD: State.CLOSED, **_ENDS},
    State.CLOSED: {**_ENDS},
    State.GONE: {},
}

#: What each event makes of the receiver's condition.
CONDITIONS: Final[dict[Condition, dict[Event, Condition]]] = {
    Condition.NONE: {
        Event.HELD: Condition.FULL,
        Event.ATTACHED: Condition.READY,
    },
    Condition.READY: {
        Event.WRITING: Condition.FULL,
        Event.ROOM: Condition.READY,
        Event.DROPPED: Condition.NONE,
    },
    Condition.FULL: {
        Event.ATTACHED: Condition.READY,
        Event.ROOM: Condition.READY,
        Event.LAST: Condition.DONE,
        Event.DROPPED: Condition.NONE,
    },
    Condition.DONE: {
        Event.ATTACHED: Condition.READY,
        Event.DROPPED: Condition.NONE,
    },
}


class Stateful:
    """
    Something that has a state, and a receiver in some condition.

    :ivar condition: what can be done with its receiver.
    :ivar state: where in its life it is.
    """

    __slots__ = ("condition", "state")

    state: State
    condition: Condition

    def _become(self, event: Event) -> None:
        """
        Change the state.
        """
        following = STATES[self.state].get(event)
        if following is None:
            raise RuntimeError(f"{event} cannot happen to a session in {self.state}")
        self.state = following

    def _turn(self, event: Event) -> None:
        """
        Change the receiver's condition.
        """
        following = CONDITIONS[self.condition].get(event)
        if following is None:
            raise RuntimeError(f"{event} cannot happen to a receiver {self.condition}")
        self.condition = following

"""The states of a client's session, and what makes them change.

::

    CONNECTING --OPENED--> OPEN --CLOSED--> CLOSING --LOST--> LOST --TOLD--> OVER
         |                  |                  | ENDED         ^
         |                  +----ENDED----> ENDED ----LOST-----+
         |                  +-----------------LOST-------------+
         +--ENDED--> FAILED --LOST--> OVER
         +--LOST--> OVER
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

    #: The server has not opened it.
    CONNECTING = "connecting"
    #: It will not be opened; what should have carried it is still there.
    FAILED = "failed"
    #: The server has opened it.
    OPEN = "open"
    #: The application has closed it; what it sent before is on its way.
    CLOSING = "closing"
    #: It has ended; what carried it is still there.
    ENDED = "ended"
    #: What carried it is gone; the application is still to be told.
    LOST = "lost"
    #: Everybody was told.
    OVER = "over"


class Event(enum.Enum):
    """
    Why a state changes.
    """

    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    #: The server has opened the session.
    OPENED = "opened"
    #: The application closes it.
    CLOSED = "closed"
    #: The server has closed it, or was silent for too long, or did what it must not.
    #: The application drops it, or gives up to wait for it.
    ENDED = "ended"
    #: What carried it is gone.
    LOST = "lost"
    #: The application was told of the end.
    TOLD = "told"


#: What each event makes of a state. No other event can happen in it.
STATES: Final[dict[State, dict[Event, State]]] = {
    State.CONNECTING: {
        Event.OPENED: State.OPEN,
        Event.ENDED: State.FAILED,
        Event.LOST: State.OVER,
    },
    State.FAILED: {Event.LOST: State.OVER},
    State.OPEN: {
        Event.CLOSED: State.CLOSING,
        Event.ENDED: State.ENDED,
        Event.LOST: State.LOST,
    },
    State.CLOSING: {Event.ENDED: State.ENDED, Event.LOST: State.LOST},
    State.ENDED: {Event.LOST: State.LOST},
    State.LOST: {Event.TOLD: State.OVER},
    State.OVER: {},
}

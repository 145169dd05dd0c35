"""The states of a session, and which may follow which.

::

    NEW ------> OPEN ------> CLOSING ------> CLOSED ------> GONE
     |           |              |
     |           +--------------+--------------------------> GONE
     +--------> CLOSING         (the peer vanished, or the delay ran out)
"""

from __future__ import annotations

import enum
from typing import Final


class State(enum.Enum):
    """
    Where in its life a session is.
    """

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


NEXT: Final = {
    State.NEW: {State.OPEN, State.CLOSING, State.GONE},
    State.OPEN: {State.CLOSING, State.GONE},
    State.CLOSING: {State.CLOSED, State.GONE},
    State.CLOSED: {State.GONE},
    State.GONE: set[State](),
}


class Stateful:
    """
    Something that has a state, and goes from one to the next as the table says.

    @ivar state: where in its life it is.
    """

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.NEW

    def _become(self, state: State) -> None:
        if state not in NEXT[self.state]:
            raise RuntimeError(f"a session never goes from {self.state} to {state}")
        self.state = state

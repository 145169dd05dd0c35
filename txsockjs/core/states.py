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

"""Whether a peer that is asked something is still at work: `Pulse`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds between two looks, as long as an answer is waited for; and after how many
#: looks without a word a peer is hung. At the first it is asked for a sign of life.
LOOK_TIME: Final = 2.5
LOOKS: Final = 3

# Seconds by which a look is late where this process was stopped, or blocked: what came
# meanwhile is heard first.
_LATE: Final = 1.0

#: The question, to which every process has an answer that costs it next to nothing
#: (RFC 9110, section 9.3.7). It tells nothing, so it needs no signature.
QUESTION: Final = b"OPTIONS * HTTP/1.1\r\nHost: peer\r\n\r\n"


class Pulse:
    """
    Looks whether a peer says anything, as long as an answer of it is waited for. The
    kernel takes connections and bytes for a process that is hung, and nobody else tells
    that from a poll that has nothing to say.

    :ivar heard: whether it has said something since the last look.
    """

    __slots__ = (
        "_ask",
        "_clock",
        "_due",
        "_hung",
        "_isBusy",
        "_silent",
        "_timer",
        "heard",
    )

    def __init__(
        self,
        clock: IReactorTime,
        isBusy: Callable[[], bool],
        ask: Callable[[], object],
        hung: Callable[[], object],
    ) -> None:
        """
        :param isBusy: tells whether an answer is waited for.
        :param ask: asks the peer for a sign of life.
        :param hung: is called when there was none.
        """
        self._clock = clock
        self._isBusy = isBusy
        self._ask = ask
        self._hung = hung
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        # At how many looks in a row there was nothing to be heard.
        self._silent = 0
        self.heard: bool = False

    def start(self) -> None:
        """
        An answer is waited for.
        """
        if self._timer is None:
            self.heard = False
            self._silent = 0
            self._arm()

    def stop(self) -> None:
        """
        Look no more.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._due = self._clock.seconds() + LOOK_TIME
        self._timer = self._clock.callLater(LOOK_TIME, self._look)

    def _look(self) -> None:
        """
        Some time has passed.
        """
        self._timer = None
        if not self._isBusy():
            return
        late = self._clock.seconds() - self._due > _LATE
        self._arm()
        if self.heard:
            self.heard = False
            self._silent = 0
        elif not late:
            self._silent += 1
            if self._silent == 1:
                self._ask()
            elif self._silent >= LOOKS:
                self._silent = 0
                self._hung()

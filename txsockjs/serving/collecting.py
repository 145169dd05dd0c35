"""The garbage collector of a process that serves: `ServerCollector`."""

from __future__ import annotations

import gc
from typing import Final

#: What ``--gc`` takes.
POLICIES: Final = ("server", "python")

# Collections of the second generation for each full one. CPython's own is 10, and then
# a quarter more objects than there were.
_SECOND: Final = 1000


class ServerCollector:
    """
    Makes pauses rare. A full collection looks at every object of every session, and in
    that time nobody is served: with CPython's own settings there is one whenever the
    number of objects has grown by a quarter, those of sessions that have gone included.
    What a session leaves is freed without the collector; it finds what an application
    leaves in cycles.
    """

    def __init__(self) -> None:
        self._before: tuple[int, int, int] | None = None

    def start(self) -> None:
        """
        All modules are loaded, and services made: never look at these again, and seldom
        at all the rest.
        """
        if self._before is None:
            self._before = gc.get_threshold()
            gc.collect()
            gc.freeze()
            first, second, _ = self._before
            gc.set_threshold(first, second, _SECOND)

    def stop(self) -> None:
        """
        Have everything as it was.
        """
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None

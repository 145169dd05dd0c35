"""How many processors this process may use: `usableCPUs`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

_ROOT = Path("/")


def usableCPUs(root: Path = _ROOT) -> int:
    """
    How many processors this process may use: those that it may run on, or less where a
    control group (cgroup v2 or v1, as of a container) gives it less time than that.
    Part of one counts as one.

    :param root: where ``/proc`` and ``/sys`` are.
    """
    return max(1, min(_allowed(), *map(ceil, _quotas(root))))


def _allowed() -> int:
    # Not every system can tell which ones they are.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """
    How many processors' time each control group has that this process is in.
    """
    yield float("1e9")
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        group = Path(path.lstrip("/"))
        for each in (group, *group.parents):
            if not controllers:
                place = root / "sys/fs/cgroup" / each
                limits = _read(place / "cpu.max").split()
            elif "cpu" in controllers.split(","):
                place = root / "sys/fs/cgroup/cpu" / each
                names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                limits = [_read(place / name).strip() for name in names]
            else:
                break
            if len(limits) == 2 and limits[0].isdecimal() and limits[1].isdecimal():
                yield int(limits[0]) / int(limits[1])


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, ValueError):
        return ""

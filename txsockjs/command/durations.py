"""How long things took: `Durations`, a million of them in a few kilobytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

#: Microseconds below this are counted each for itself; above, 128 to an octave.
_EXACT: Final = 256
_BITS: Final = 8


class Durations:
    """
    A histogram of durations. Its size is bounded: from one bucket to the next it is
    less than 1 %, and all of a day is in some 4,000 of them. The least and the greatest
    are exact.

    :ivar minimum: the shortest, in seconds; 0.0 where there is none.
    :ivar maximum: the longest.
    """

    def __init__(self, durations: Iterable[float] = ()) -> None:
        self.minimum: float = 0.0
        self.maximum: float = 0.0
        self._total = 0.0
        self._count = 0
        self._buckets: Counter[int] = Counter()
        for each in durations:
            self.add(each)

    def __len__(self) -> int:
        return self._count

    def add(self, seconds: float) -> None:
        """
        Count one more. A clock that was set back makes no duration negative.
        """
        seconds = max(seconds, 0.0)
        if not self._count or seconds < self.minimum:
            self.minimum = seconds
        self.maximum = max(self.maximum, seconds)
        self._total += seconds
        self._count += 1
        self._buckets[_bucket(seconds)] += 1

    def update(self, other: Durations) -> None:
        """
        Count all of another one's.
        """
        if len(other):
            least = min(self.minimum, other.minimum) if self._count else other.minimum
            self.minimum = least
            self.maximum = max(self.maximum, other.maximum)
            self._total += other._total
            self._count += other._count
            self._buckets.update(other._buckets)

    @property
    def mean(self) -> float:
        return self._total / self._count if self._count else 0.0

    def percentile(self, percent: float) -> float:
        """
        The duration, in seconds, that so many percent of them do not exceed, by the
        nearest rank; 0.0 where there is none.
        """
        rank = max(math.ceil(self._count * percent / 100 - 1e-9), 1)
        if rank >= self._count:
            return self.maximum
        if rank == 1:
            return self.minimum
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return min(max(_middle(bucket), self.minimum), self.maximum)
        raise AssertionError("the buckets hold fewer than were counted")

    def summary(self) -> dict[str, float]:
        """
        What one wants to know of them, in milliseconds.
        """
        found = {
            "min": self.minimum,
            "mean": self.mean,
            "p50": self.percentile(50),
            "p99": self.percentile(99),
            "p99.9": self.percentile(99.9),
            "max": self.maximum,
        }
        return {name: round(each * 1000, 4) for name, each in found.items()}


def _bucket(seconds: float) -> int:
    """
    The number of the bucket for a duration; a longer one's is not less.
    """
    micros = int(seconds * 1e6)
    shift = max(micros.bit_length() - _BITS, 0)
    return (shift << _BITS) + (micros >> shift)


def _middle(bucket: int) -> float:
    """
    The duration in the middle of a bucket, in seconds.
    """
    shift, part = divmod(bucket, _EXACT)
    return (part + 0.5) * (1 << shift) / 1e6


def milliseconds(seconds: float) -> str:
    """
    A duration in milliseconds, with three digits that count.
    """
    value = seconds * 1000
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"

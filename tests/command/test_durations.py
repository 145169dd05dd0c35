"""Tests for `txsockjs.command.durations`."""

from __future__ import annotations

from bisect import bisect_right
from math import ceil

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.command.durations import Durations, milliseconds

SECONDS = st.floats(0, 86400)


class DurationsTests(SynchronousTestCase):
    """
    The histogram.
    """

    def test_empty(self) -> None:
        """
        Of nothing, all is 0.
        """
        empty = Durations()
        self.assertEqual(len(empty), 0)
        self.assertEqual(set(empty.summary().values()), {0.0})

    @given(st.lists(SECONDS, min_size=1), st.sampled_from([0, 50, 99, 99.9, 100]))
    def test_percentile(self, values: list[float], percent: float) -> None:
        """
        A percentile is that of the sorted values by the nearest rank, but for less than
        half of 1 %, and the two microseconds that a bucket has at the least.
        """
        exact = sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]
        found = Durations(values).percentile(percent)
        self.assertLessEqual(abs(found - exact), exact * 0.005 + 2e-6)

    @given(st.lists(SECONDS, min_size=1))
    def test_bounds(self, values: list[float]) -> None:
        """
        Least, greatest, number and mean are exact, and no percentile is outside them.
        """
        found = Durations(values)
        self.assertEqual((found.minimum, found.maximum), (min(values), max(values)))
        self.assertEqual(len(found), len(values))
        self.assertAlmostEqual(found.mean, sum(values) / len(values), places=6)
        shares = [found.percentile(percent) for percent in (0, 25, 50, 75, 99, 100)]
        self.assertEqual(shares, sorted(shares))
        self.assertEqual((shares[0], shares[-1]), (min(values), max(values)))

    @given(st.lists(SECONDS), st.lists(SECONDS))
    def test_update(self, some: list[float], others: list[float]) -> None:
        """
        Two of them put together are as if one had been given all.
        """
        both, all_ = Durations(some), Durations(some + others)
        both.update(Durations(others))
        self.assertEqual(len(both), len(all_))
        for percent in (0, 50, 99, 100):
            self.assertEqual(both.percentile(percent), all_.percentile(percent))

    def test_bounded(self) -> None:
        """
        A hundred thousand different durations are kept in a few thousand numbers, and
        their percentiles are still right.
        """
        values = [n * n / 1e6 for n in range(100_000)]
        found = Durations(values)
        self.assertLess(len(found._buckets), 4500)
        for percent in (1, 50, 99, 99.9):
            share = found.percentile(percent)
            rank = bisect_right(values, share) / len(values) * 100
            self.assertApproximates(rank, percent, 0.5)

    def test_backwards(self) -> None:
        """
        A clock that was set back makes no duration negative.
        """
        self.assertEqual(Durations([-1.0]).minimum, 0.0)

    def test_summary(self) -> None:
        """
        The summary is in milliseconds.
        """
        found = Durations([0.001, 0.002, 0.009]).summary()
        self.assertEqual(set(found), {"min", "mean", "p50", "p99", "p99.9", "max"})
        self.assertEqual((found["min"], found["mean"], found["max"]), (1.0, 4.0, 9.0))
        self.assertApproximates(found["p50"], 2.0, 0.02)


class MillisecondsTests(SynchronousTestCase):
    """
    Durations for a person.
    """

    def test_digits(self) -> None:
        """
        Three digits count, or more where there are more before the point.
        """
        shown = [milliseconds(value) for value in (0, 0.00123, 0.0123, 0.123, 12.3456)]
        self.assertEqual(shown, ["0.00", "1.23", "12.3", "123", "12,346"])

"""Tests for `txsockjs.command.sharing`."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.command.sharing import Shares

WEIGHTS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 20), min_size=1)


class SharesTests(SynchronousTestCase):
    """
    Whose turn it is.
    """

    def test_example(self) -> None:
        """
        The heaviest comes first, and the others in between.
        """
        shares = Shares({"a": 4, "b": 1, "c": 1})
        self.assertEqual("".join(shares.next() for _ in range(6)), "aabaca")

    @given(WEIGHTS, st.integers(1, 200))
    def test_even(self, weights: dict[str, int], turns: int) -> None:
        """
        At any time, nobody is further from its share than a turn for each other one.
        """
        shares = Shares(weights)
        total = sum(weights.values())
        had: Counter[str] = Counter()
        for turn in range(1, turns + 1):
            had[shares.next()] += 1
            for name, weight in weights.items():
                self.assertLess(abs(had[name] - turn * weight / total), len(weights))

    @given(WEIGHTS)
    def test_exact(self, weights: dict[str, int]) -> None:
        """
        After as many turns as the weights are together, each had its weight.
        """
        shares = Shares(weights)
        had = Counter(shares.next() for _ in range(sum(weights.values())))
        self.assertEqual(had, weights)

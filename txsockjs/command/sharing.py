"""Who is next, where each has a share."""

from __future__ import annotations

from collections.abc import Mapping


class Shares:
    """
    Names in turn, each as often as its weight says, and evenly spread: after any number
    of turns, none is a whole turn before or behind its share.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        """
        :param weights: each is 1 or more.
        """
        self._weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0)

    def next(self) -> str:
        """
        Whose turn it is.
        """
        for name, weight in self._weights.items():
            self._credit[name] += weight
        chosen = max(self._credit, key=self._credit.__getitem__)
        self._credit[chosen] -= sum(self._weights.values())
        return chosen

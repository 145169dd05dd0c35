"""Random input, held against a parser or a model that is known to be right.

Each ``test_NAME`` here is a fuzzer. A run of the tests gives each of its properties
some examples (`examples`); ``make fuzz MINUTES=n`` goes on for that long, with new
ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: The environment variable that says how many examples a property gets.
EXAMPLES = "FUZZ_EXAMPLES"


def examples(share: float = 1.0) -> settings:
    """
    The settings of a fuzzer's property, or of its rule-based machine.

    :param share: how many examples it gets, as a share of what is usual: less where one
        example takes long.
    """
    count = int(os.environ.get(EXAMPLES, "60"))
    return settings(
        max_examples=max(1, int(count * share)),
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )

"""
What the garbage collector of a Python server has to do.  A server leaves it at SIGUSR2
in the file that ``BENCHMARK_REPORT`` names.

It imports nothing of ours: servers in environments of their own use it as well.
"""

import gc
import json
import os
import signal
from time import perf_counter


def leave(*signal: object) -> None:
    """
    Tell how many objects are walked, and how many milliseconds a full collection takes.
    """
    gc.collect()
    began = perf_counter()
    gc.collect()
    took = (perf_counter() - began) * 1e3
    left = os.environ["BENCHMARK_REPORT"]
    with open(f"{left}.new", "w") as report:
        json.dump({"walked": len(gc.get_objects()), "collection": took}, report)
    os.replace(f"{left}.new", left)


def leaveWhenAsked() -> None:
    """Do so at the signal."""
    signal.signal(signal.SIGUSR2, leave)

"""Builds the site, for the tests that look at it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.documents import ROOT


@cache
def build() -> Path:
    """
    The site, made with ``make docs``'s own command; what that has made already is not
    made again.
    """
    out = ROOT / "build" / "docs"
    command = ["sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(out)]
    out.mkdir(parents=True, exist_ok=True)
    directory = os.open(out, os.O_RDONLY)
    # Another process may be at it, with other tests.
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
        )
    finally:
        os.close(directory)
    if done.returncode:
        raise AssertionError(done.stderr)
    return out

"""
C{python -m tests.conformance URL [trial's arguments]}: test the server at URL.

The exit status is that of the run.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main(arguments: list[str]) -> int:
    """
    Run trial on the suite against a URL.

    @param arguments: the URL, then options and names of tests for trial; without a
        name the whole suite runs.
    @return: trial's exit status, or 2 where the first argument is not a URL.
    """
    if not arguments or not arguments[0].startswith(("http://", "https://")):
        print("usage: python -m tests.conformance http://host:port/ [trial arguments]")
        return 2
    url, *rest = arguments
    if not any(name.startswith("tests.") for name in rest):
        rest.append("tests.conformance")
    return subprocess.call(
        [sys.executable, "-m", "twisted.trial", *rest],
        env={**os.environ, "SOCKJS_URL": url},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

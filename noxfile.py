"""The unit tests on every CPython that is here: ``nox``, or ``make nox``.

A version that is not installed is skipped, and nox says so by name.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"

# pyenv's python3.X answers only for the versions that are switched on.
if shutil.which("pyenv"):
    bare = subprocess.run(
        ["pyenv", "versions", "--bare"], capture_output=True, text=True, check=True
    )
    os.environ["PYENV_VERSION"] = ":".join(reversed(bare.stdout.split()))

# These need browsers, proxies, a server to point at or other extras, or take long and
# do not depend on the interpreter: `make test` runs them.
APART = {
    "conformance",
    "fuzz",
    "integration",
    "soak",
    "support",
    "test_benchmarks",
    "test_examples",
    "test_packaging",
    "wstest",
}


def unitTests() -> list[str]:
    """The modules and packages of ``tests`` that need nothing but Python."""
    found = [
        path
        for path in Path("tests").iterdir()
        if path.match("test_*.py") or (path / "__init__.py").is_file()
    ]
    return sorted(f"tests.{path.stem}" for path in found if path.stem not in APART)


@nox.session(python=["3.11", "3.12", "3.13", "3.14", "3.15"])
def unit(session: nox.Session) -> None:
    """Run the unit tests in an environment with the extras that they need."""
    session.install("-e", ".[test,http2,metrics]")
    session.run(
        "python",
        "-m",
        "twisted.trial",
        f"--temp-directory={session.create_tmp()}/trial",
        *(session.posargs or unitTests()),
    )

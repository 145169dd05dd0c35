"""The unit tests on every CPython that is here, and on one of them with the lowest
versions of all that the package needs: ``nox``, or ``make nox``. The session ``others``
leaves out what ``make test`` does: the CPython that this runs on, as it is.

A version of CPython that is not installed is skipped, and nox says so by name.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"

# pyenv's python3.X answers only for the versions that are switched on.
if shutil.which("pyenv"):
    bare = subprocess.run(
        ["pyenv", "versions", "--bare"], capture_output=True, text=True, check=True
    )
    os.environ["PYENV_VERSION"] = ":".join(reversed(bare.stdout.split()))

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")

# These need browsers, proxies, packages of npm, a server to point at or other extras,
# or take long and do not depend on the interpreter: `make test` runs them.
APART = {
    "conformance",
    "fuzz",
    "integration",
    "mutants",
    "soak",
    "support",
    "test_benchmarks",
    "test_benchmarks_report",
    "test_examples",
    "test_packaging",
    "test_recovery_document",
    "test_release",
    "test_site",
    "test_suite",
    "test_troubleshooting",
    "wstest",
}


def unitTests(tests: Path = Path("tests")) -> list[str]:
    """The modules and packages of ``tests`` that need nothing but Python."""
    found = [
        path
        for path in tests.iterdir()
        if path.match("test_*.py") or (path / "__init__.py").is_file()
    ]
    return sorted(f"tests.{path.stem}" for path in found if path.stem not in APART)


def lowestVersions(project: Path = Path("pyproject.toml")) -> list[str]:
    """The lowest version of each thing that the package and its extras need to run."""
    table = tomllib.loads(project.read_text("utf-8"))["project"]
    extras = table["optional-dependencies"]
    optional = [*extras["http2"], *extras["metrics"], *extras["redis"], *extras["cli"]]
    return list(_lowest(table["dependencies"] + optional))


def _lowest(requirements: Iterable[str]) -> Iterable[str]:
    for requirement in map(Requirement, requirements):
        for bound in requirement.specifier:
            if bound.operator == ">=":
                yield f"{requirement.name}=={bound.version}"


def trial(session: nox.Session, tests: list[str], *runner: str) -> None:
    """Run the tests that are asked for, or else these, on all cores."""
    session.run(
        *(runner or ("python",)),
        "-m",
        "twisted.trial",
        f"--temp-directory={session.create_tmp()}/trial",
        f"--jobs={len(os.sched_getaffinity(0))}",
        *(session.posargs or tests),
    )


def install(session: nox.Session) -> None:
    """Have what requirements/test.txt names, and the package itself as it is here."""
    session.install("--require-hashes", "-r", "requirements/test.txt")
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


@nox.session(python=PYTHONS)
def unit(session: nox.Session) -> None:
    """Run the unit tests."""
    install(session)
    trial(session, unitTests())


@nox.session(python="3.11", default=False)
def coverage(session: nox.Session) -> None:
    """Run them, and tell which lines and branches they reach."""
    install(session)
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp(), "coverage"))
    session.run("coverage", "erase")
    trial(session, unitTests(), "coverage", "run")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--sort=cover")


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run them with the lowest versions that pyproject.toml admits."""
    constraints = Path(session.create_tmp(), "lowest.txt")
    constraints.write_text("\n".join(lowestVersions()), "utf-8")
    session.install("-c", str(constraints), "-e", ".[test,http2,metrics,redis,cli]")
    trial(session, unitTests())


@nox.session(python=False, default=False)
def others(session: nox.Session) -> None:
    """Run all but the unit tests on the CPython that has nox."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in PYTHONS:
        if python != here:
            session.notify(f"unit-{python}")
    session.notify("lowest")

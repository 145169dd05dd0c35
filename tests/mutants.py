"""Change a module in small ways, and look which of that its tests notice.

``make mutants MODULE=txsockjs/bridge.py`` has cosmic-ray make the changes, in a copy of
the project, and lists those that no test noticed: each is a line that could be wrong,
or that does nothing. It takes one run of the tests for each change.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from noxfile import APART

ROOT = Path(__file__).parent.parent

#: Seconds after which a change has made the tests hang, which is noticed.
TIMEOUT = 120

CONFIGURATION = """
[cosmic-ray]
module-path = {module}
timeout = {timeout}
excluded-modules = []
test-command = {command}

[cosmic-ray.distributor]
name = "local"
"""

# What changes nothing that a test could see: hints, and comparisons with None or with a
# member of an enumeration, which are the same either way.
UNSEEN = (
    "core/ReplaceBinaryOperator_BitOr_",
    "core/ReplaceComparisonOperator_Is_Eq",
    "core/ReplaceComparisonOperator_IsNot_NotEq",
    "core/RemoveDecorator",
)


def testsOf(module: Path, tests: Path) -> Iterator[str]:
    """
    The tests that name a module, or what it is known by, and need nothing but Python.
    """
    dotted = ".".join(module.with_suffix("").parts)
    for path in sorted(tests.rglob("test_*.py")):
        parts = path.relative_to(tests.parent).with_suffix("").parts
        if parts[1] in APART:
            continue
        if path.stem == f"test_{module.stem}" or dotted in path.read_text("utf-8"):
            yield ".".join(parts)


def survivors(dump: Iterable[str]) -> tuple[int, list[dict[str, Any]]]:
    """
    How many changes were tried, and those that no test noticed.

    :param dump: what ``cosmic-ray dump`` prints: a change and its result in each line.
    """
    count, found = 0, []
    for line in dump:
        item, result = json.loads(line)
        [mutation] = item["mutations"]
        if result is None or mutation["operator_name"].startswith(UNSEEN):
            continue
        count += 1
        if result["test_outcome"] == "survived":
            found.append({**mutation, "diff": result["diff"]})
    return count, found


def main(arguments: list[str]) -> int:
    """
    Try, and tell.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("module", type=Path, help="such as txsockjs/bridge.py")
    parser.add_argument("tests", nargs="*", help="instead of those that name it")
    options = parser.parse_args(arguments)
    if not (ROOT / options.module).is_file():
        parser.error(f"{options.module} is no file of the project")
    tests = options.tests or list(testsOf(options.module, ROOT / "tests"))
    if not tests:
        parser.error(f"no unit test names {options.module}: say which to run")
    print(f"Changing {options.module}, and running {' '.join(tests)}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "project")
        shutil.copytree(
            ROOT,
            copy,
            ignore=shutil.ignore_patterns(".*", "_trial_temp*", "node_modules"),
        )
        command = [sys.executable, "-m", "twisted.trial", "--exitfirst", *tests]
        settings = CONFIGURATION.format(
            module=json.dumps(str(options.module)),
            timeout=TIMEOUT,
            command=json.dumps(" ".join(command)),
        )
        (copy / "mutants.toml").write_text(settings, "utf-8")

        def cosmicRay(*what: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "cosmic_ray.cli", *what],
                cwd=copy,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy)},
            )

        cosmicRay("baseline", "mutants.toml")
        cosmicRay("init", "mutants.toml", "mutants.sqlite")
        cosmicRay("exec", "mutants.toml", "mutants.sqlite")
        dump = cosmicRay("dump", "mutants.sqlite").stdout
    count, found = survivors(dump.splitlines())
    for each in found:
        print(f"\n{options.module}:{each['start_pos'][0]}: {each['operator_name']}")
        print(each["diff"])
    print(f"\n{count} changes, of which no test noticed {len(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

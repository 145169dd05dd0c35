"""What is built from this tree carries all that it needs, and Twisted finds it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent

# What no build looks at, and what may be large.
APART = shutil.ignore_patterns(
    ".*", "_trial_temp*", "node_modules", "build", "dist", "*.egg-info", "__pycache__"
)

# Run by the Python of an environment that has the package: what is found there?
LOOK = r"""
import json
import re
from pathlib import Path
from twisted.application.service import IServiceMaker
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.plugin import getPlugins
import txsockjs
package = Path(txsockjs.__file__).parent
print(json.dumps({
    "package": str(package),
    "commands": [plugin.tapname for plugin in getPlugins(IServiceMaker)],
    "endpoint": type(serverFromString(reactor, r"sockjs:tcp\:0")).__name__,
    "files": sorted(
        path.name
        for room in ("demo", "demo/pages", "browser", "status/pages", "rooms/browser")
        for path in (package / room).iterdir()
    ),
    "typed": (package / "py.typed").is_file(),
}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """
    What a command prints; where it fails, an error with what it said.
    """
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise AssertionError(f"{command}: {done.stdout}\n{done.stderr}")
    return done.stdout


@attrs.frozen
class Built:
    """
    What is built once for all tests, from a copy of the tree, without the network.
    """

    work: Path
    source: Path
    sdist: Path
    wheel: Path


@cache
def build() -> Built:
    work = Path("packaging").absolute()
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT, work / "source", ignore=APART)
    # The wheel is made from the sdist, so the sdist has to be whole.
    run(
        *(sys.executable, "-m", "build", "--no-isolation"),
        *("--outdir", work, work / "source"),
        cwd=work,
    )
    [sdist] = work.glob("*.tar.gz")
    [wheel] = work.glob("*.whl")
    return Built(work, work / "source", sdist, wheel)


class PackagingTests(SynchronousTestCase):
    """
    The wheel, the sdist and an editable install, each in an environment of its own.
    """

    #: What an installation wants.
    runtime = {
        "attrs",
        "autobahn",
        "treq",
        "twisted",
        "typing_extensions",
        "zope.interface",
    }

    def setUp(self) -> None:
        self.built = build()

    def install(self, *what: str | Path) -> dict[str, Any]:
        """
        Install into a new environment, which has our own's packages for the rest.

        :return: what `LOOK` found there.
        """
        home = self.built.work / self.id().rpartition(".")[2]
        venv.create(home, symlinks=True)
        python = home / "bin" / "python"
        [site] = home.glob("lib/python*/site-packages")
        # A .pth file in there is not followed, so an editable txsockjs stays unseen.
        (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
        run(
            *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
            *("--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed"),
            *what,
            cwd=self.built.work,
        )
        self.site = site
        found: dict[str, Any] = json.loads(run(python, "-c", LOOK, cwd=home))
        found["version"] = run(home / "bin" / "txsockjs", "--version", cwd=home)
        return found

    def assertWhole(self, found: dict[str, Any]) -> None:
        """
        Both plugins are found, the files that are no Python are there, and the command
        runs.
        """
        self.assertRegex(found["version"], r"^txsockjs \d+\.\d+")
        self.assertEqual(found["commands"].count("sockjs"), 1)
        self.assertEqual(found["endpoint"], "SockJSServerEndpoint")
        pages = {"index.html", "demo.js", "trips.js", "demo.css", "echo.py"}
        pages |= {"status.js", "rooms.js", "room.js", "sockjs.min.js", "LICENSE.txt"}
        self.assertLessEqual(pages, set(found["files"]))
        self.assertTrue(found["typed"])

    def test_wheel(self) -> None:
        """
        Installed from the wheel, all is there.
        """
        found = self.install(self.built.wheel)
        self.assertEqual(found["package"], str(self.site / "txsockjs"))
        self.assertWhole(found)

    def test_sdist(self) -> None:
        """
        Installed from the sdist, all is there.
        """
        found = self.install(self.built.sdist)
        self.assertEqual(found["package"], str(self.site / "txsockjs"))
        self.assertWhole(found)

    def test_editable(self) -> None:
        """
        Installed as a link to the tree, all is there, too.
        """
        found = self.install("--editable", self.built.source)
        self.assertEqual(found["package"], str(self.built.source / "txsockjs"))
        self.assertWhole(found)

    def test_plugins(self) -> None:
        """
        The wheel puts our plugins into Twisted's directory, and nothing else there: an
        ``__init__.py`` would hide every other project's plugins.
        """
        self.assertEqual(
            {name for name in self.wheelNames() if name.startswith("twisted/")},
            {f"twisted/plugins/txsockjs_{name}.py" for name in ("endpoints", "tap")},
        )

    def test_tests(self) -> None:
        """
        The wheel has no tests in it; the sdist has them, and what runs them.
        """
        self.assertEqual(
            {name.split("/")[0] for name in self.wheelNames()} & {"tests"}, set()
        )
        with tarfile.open(self.built.sdist) as archive:
            inside = {name.partition("/")[2] for name in archive.getnames()}
        self.assertLessEqual({"tests/test_packaging.py", "Makefile", "LICENSE"}, inside)

    def test_requirements(self) -> None:
        """
        An installation wants what serving needs, and not what only the tests need.
        """
        [name] = [name for name in self.wheelNames() if name.endswith("/METADATA")]
        metadata = zipfile.ZipFile(self.built.wheel).read(name).decode("utf-8")
        wanted = re.findall(r"(?m)^Requires-Dist: ([\w.\[\]-]+)[^;\n]*$", metadata)
        plain = {name.lower().removesuffix("[tls]") for name in wanted}
        self.assertEqual(plain, self.runtime)

    def test_lowest(self) -> None:
        """
        The tests run with the lowest version of all that it wants, as it is wanted.
        """
        look = "import json, noxfile; print(json.dumps(noxfile.lowestVersions()))"
        lowest = json.loads(run(sys.executable, "-c", look, cwd=ROOT))
        wanted = (ROOT / "pyproject.toml").read_text("utf-8")
        for each in lowest:
            name, _, version = each.partition("==")
            self.assertRegex(wanted, rf'"{re.escape(name)}(\[tls\])?>={version}"')
        names = {each.partition("==")[0].lower() for each in lowest}
        extras = {"h2", "prometheus-client", "hiredis", "txredisapi"}
        extras |= {"prompt-toolkit", "rich"}
        self.assertEqual(names, self.runtime | extras)

    def wheelNames(self) -> list[str]:
        return zipfile.ZipFile(self.built.wheel).namelist()

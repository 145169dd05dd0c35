"""The programs that README, the documents and ``examples/`` show, for type checkers, as
somebody has them who has installed the package and no plugin."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any, Final

from tests.support.documents import ROOT, blocks

#: What is written for another library, to be compared with ours.
OTHERS: Final = frozenset(
    {
        "chat_aiohttp.py",
        "chat_tornado.py",
        "chat_websockets.py",
        "multiplex_tornado.py",
    }
)

#: What the text around the blocks of a document says that there is.
GIVEN: Final = {
    "authorize": """
from typing import Any
from twisted.cred.portal import Portal
portal: Portal
IMember: Any
""",
    "metrics": """
from txsockjs import SockJSMultiFactory
from txsockjs.rooms import Rooms
from twisted.web.resource import Resource
site: SockJSMultiFactory
rooms: Rooms
root: Resource
""",
    "options": """
from twisted.internet.protocol import Factory
factory: Factory
""",
    "status": """
from txsockjs import SockJSMultiFactory
site: SockJSMultiFactory
""",
}

_PYRIGHT: Final = ROOT / "tests/node_modules/.bin/pyright"

# What tells of zope's interfaces.
_STUBS: Final = ("mypy_zope", "zope-stubs")

# What is no package, and ours.
_NOT_LINKED: Final = ("__editable__", "__pycache__", "txsockjs")


def writePrograms(here: Path) -> list[str]:
    """
    Write each program into a directory: an example as it is, and the blocks of a
    document as a reader has them who pastes them in a row.

    :return: the names of the files.
    """
    examples = dict(
        _example(path)
        for path in sorted((ROOT / "examples").rglob("*.py"))
        if path.name not in OTHERS
    )
    programs = dict(examples)
    for document in [ROOT / "README.rst", *sorted(ROOT.glob("docs/*.rst"))]:
        found = blocks(str(document.relative_to(ROOT)), "python")
        pasted = [block.text for block in found if block.text not in _shown(examples)]
        if pasted:
            name = document.stem.lower()
            if name in GIVEN:
                programs[f"given_{name}.pyi"] = GIVEN[name]
                names = ", ".join(re.findall(r"(?m)^(\w+):", GIVEN[name]))
                pasted.insert(0, f"from given_{name} import {names}\n")
            programs[f"document_{name}.py"] = "".join(pasted)
    for block in blocks("README.rst", "python"):
        if block.name == "chat":
            programs["myapp/chat.py"] = block.text
    programs["myapp/__init__.py"] = ""
    for name, text in programs.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return sorted(programs)


def _example(path: Path) -> tuple[str, str]:
    """
    A file of ``examples/``: a name, and what it has. The chapters of the tutorial have
    files of the same names, which import each other.
    """
    name, text, chapter = path.name, path.read_text("utf-8"), path.parent.name
    if chapter.startswith("chapter"):
        modules = "|".join(each.stem for each in path.parent.glob("*.py"))
        own = rf"(?m)^from ({modules}) import"
        text = re.sub(own, rf"from {chapter}_\1 import", text)
        name = f"{chapter}_{name}"
    return name, text


def _shown(examples: dict[str, str]) -> set[str]:
    others = (
        path.read_text("utf-8")
        for path in (ROOT / "examples").rglob("*.py")
        if path.name in OTHERS
    )
    return {text.rstrip("\n") + "\n" for text in (*examples.values(), *others)}


def makeEnvironment(here: Path, stubs: bool = False) -> Path:
    """
    Make an environment that has what this one has, and this package as it is here.

    :param stubs: whether it has what tells type checkers of zope's interfaces, too.
    :return: its ``bin``.
    """
    left = _NOT_LINKED if stubs else (*_NOT_LINKED, *_STUBS)
    venv.create(here, with_pip=False)
    own = Path(sysconfig.get_path("purelib"))
    [made] = here.glob("lib/python*/site-packages")
    for path in own.iterdir():
        if not any(word in path.name for word in left):
            (made / path.name).symlink_to(path)
    (made / "package.pth").write_text(f"{ROOT}\n", "utf-8")
    return here / "bin"


def mypy(environment: Path, here: Path, *arguments: str) -> list[str]:
    """
    Check a directory with ``mypy --strict`` that has no plugin.

    :return: the lines that name an error.
    """
    config = here / "none.ini"
    config.write_text("[mypy]\n", "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--allow-untyped-calls",
            f"--config-file={config}",
            f"--python-executable={environment / 'python'}",
            f"--cache-dir={here / '.mypy_cache'}",
            *(arguments or (".",)),
        ],
        cwd=here,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.stderr:
        return [done.stderr]
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def pyright(environment: Path, here: Path, *arguments: str) -> Any:
    """
    Run pyright.

    :return: what it tells.
    """
    # It would take that of the project.
    (here / "pyrightconfig.json").write_text("{}", "utf-8")
    done = subprocess.run(
        [_PYRIGHT, "--outputjson", *arguments],
        cwd=here,
        env={
            **os.environ,
            "PYTHONPATH": "",
            "PATH": f"{environment}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    return json.loads(done.stdout)

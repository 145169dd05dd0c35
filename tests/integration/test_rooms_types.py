"""The types of ``rooms.js``."""

from __future__ import annotations

import json
import os
import re
import shutil

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.support.documents import ROOT
from tests.support.programs.node import SCRIPTS, TESTS, need

BROWSER = ROOT / "txsockjs" / "rooms" / "browser"

#: What a class of the module has, as its declaration tells.
_CLASS = re.compile(r"(?ms)^export class (\w+).*?^}")
_DECLARED = re.compile(r"(?ms)^export (?:class|interface) .*?^}")
_MEMBER = re.compile(r"(?m)^  (?:readonly )?(\w+)[?:(<]")

_LOOK = """
const module = await import(process.argv[1]);
const rooms = new module.Rooms("", { connect: () => ({ close() {} }) });
const error = new module.RoomsError("", "");
const made = { Rooms: rooms, Room: rooms.join("a"), RoomsError: error };
const missing = JSON.parse(process.argv[2]).filter(
  ([name, member]) => !(member in made[name]),
);
rooms.close();
console.log(JSON.stringify(missing));
"""


class TypesTests(TestCase):
    """
    What ``rooms.d.ts`` says is so.
    """

    timeout = 60

    def setUp(self) -> None:
        need("node", packages=("typescript",))
        self.node = shutil.which("node") or "node"

    async def run_(self, *arguments: str) -> str:
        """
        What Node says, if it has no complaint.
        """
        out, err, status = await getProcessOutputAndValue(
            self.node, arguments, env=os.environ, reactor=reactor
        )
        self.assertEqual(status, 0, (out + err).decode("utf-8"))
        return str(out, "utf-8")

    async def test_use(self) -> None:
        """
        A program that uses it as it should compiles, and one that does not would not.
        """
        await self.run_(
            str(TESTS / "node_modules" / "typescript" / "bin" / "tsc"),
            *("--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"),
            *("--module", "esnext", "--moduleResolution", "bundler"),
            str(SCRIPTS / "rooms_types.ts"),
        )

    async def test_members(self) -> None:
        """
        Whatever a class is declared to have, it has.
        """
        declared = (BROWSER / "rooms.d.ts").read_text("utf-8")
        members = [
            (found[1], member)
            for found in _CLASS.finditer(declared)
            for member in _MEMBER.findall(found[0])
            if member != "private"
        ]
        self.assertIn(("Room", "publish"), members)
        self.assertGreater(len(members), 15)
        look = ("--input-type=module", "--eval", _LOOK)
        said = await self.run_(
            *look, (BROWSER / "rooms.js").as_uri(), json.dumps(members)
        )
        self.assertEqual(json.loads(said), [])

    def test_document(self) -> None:
        """
        The document names each of them, each option and each event.
        """
        declared = (BROWSER / "rooms.d.ts").read_text("utf-8")
        names: set[str] = set()
        for found in _DECLARED.findall(declared):
            if "interface Member" not in found and "interface Socket" not in found:
                names.update(_MEMBER.findall(found))
        self.assertLessEqual({"publish", "maxDelay", "gap", "since"}, names)
        names -= {"private", "constructor", "addEventListener", "removeEventListener"}
        said = (ROOT / "docs" / "rooms.rst").read_text("utf-8")
        missing = [name for name in names if not re.search(rf"\b{name}\b", said)]
        self.assertEqual(missing, [])

"""The documents at the root of the project hold together."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT, read

DOCUMENTS = sorted(path.name for path in ROOT.glob("*.rst"))


class DocumentTests(SynchronousTestCase):
    """
    Links and commands.
    """

    def test_links(self) -> None:
        """
        What a document links to within the project is there.
        """
        self.assertIn("README.rst", DOCUMENTS)
        for document in DOCUMENTS:
            for reference in read(document).findall(nodes.reference):
                target = reference.get("refuri", "")
                if not urlsplit(target).scheme:
                    self.assertTrue((ROOT / target).exists(), f"{document}: {target}")

    def test_make(self) -> None:
        """
        Each target that a document tells to make is one.
        """
        targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
        told = {
            target
            for document in DOCUMENTS
            for block in read(document).findall(nodes.literal_block)
            for line in re.findall(r"(?m)^make ([a-z ]+)", block.astext())
            for target in line.split()
        }
        self.assertLessEqual({"demo", "test"}, told)
        self.assertEqual(told - targets, set())

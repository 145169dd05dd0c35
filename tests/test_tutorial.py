"""The programs of ``docs/tutorial/``, which are in ``examples/tutorial/``, in memory.

That their pages work is in `tests.integration.test_tutorial`.
"""

from __future__ import annotations

import shutil
import sys
from importlib import import_module
from pathlib import Path
from unittest import TestLoader, TestResult

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.documents import ROOT, blocks, commands, read
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

TUTORIAL = ROOT / "examples" / "tutorial"
CHAPTERS = (
    "1-echo",
    "2-names",
    "3-rooms",
    "4-tests",
    "5-production",
)
TRANSPORTS = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


class ChapterTestCase(SynchronousTestCase):
    """
    Tests of one chapter, whose modules nobody else finds.
    """

    def enter(self, directory: Path) -> None:
        """
        Have the modules of a directory be found.
        """
        self.patch(sys, "path", [str(directory), *sys.path])
        self.forget()
        self.addCleanup(self.forget)

    def forget(self) -> None:
        """
        Have the modules made anew.
        """
        for path in TUTORIAL.glob("*/*.py"):
            sys.modules.pop(path.stem, None)

    def chapter(self, number: int) -> None:
        """
        Be in a chapter.
        """
        self.enter(TUTORIAL / f"chapter{number}")

    def serve(self, site: MemorySite) -> None:
        self.addCleanup(site.stop)
        self.client = MemoryClient(site)

    def runTests(self) -> TestResult:
        """
        Run the tests of the chapter.
        """
        result = TestResult()
        tests = import_module("test_chat").ChatTests
        TestLoader().loadTestsFromTestCase(tests).run(result)
        return result


class ChapterTests(ChapterTestCase):
    """
    What the chapters have.
    """

    def test_echo(self) -> None:
        """
        Chapter 1: what is said comes back.
        """
        self.chapter(1)
        self.serve(MemorySite.serving(import_module("echo").Echo))
        session = self.client.session()
        session.send("Grüße")
        self.assertEqual(session.received, ["Grüße"])

    def test_guests(self) -> None:
        """
        Chapter 1: what one says all read, over any transport, and however one goes the
        others are told.
        """
        self.chapter(1)
        for name in TRANSPORTS:
            factory = import_module("chat").ChatFactory()
            self.serve(MemorySite.serving(factory))
            first, second = self.client.session(name), self.client.session(name)
            first.send("hello")
            second.abort()
            said = ["* guest 2 comes", "guest 1: hello"]
            self.assertEqual(second.received, said)
            said = ["* guest 1 comes", *said, "* guest 2 goes"]
            self.assertEqual(first.received, said)
            self.assertEqual(len(factory.present), 1)

    def test_names(self) -> None:
        """
        Chapter 2: who has logged in talks in that name; the others are turned away, and
        so are pages of other sites.
        """
        self.chapter(2)
        site = import_module("server").makeSite(MemoryReactor())
        self.serve(MemorySite(site))
        login = self.client.request("POST", "/login", body=b"name=Ad%C3%A9le")
        self.assertEqual(login.status, 302)
        for name in TRANSPORTS:
            session = self.client.session(name, "/chat", cookies=login.cookies)
            session.send("hello")
            said = ["* Adéle comes", "Adéle: hello"]
            self.assertEqual(session.received, said, name)
            session.close()
            stranger = self.client.session(name, "/chat")
            self.assertEqual(stranger.closed, (4401, "Log in first"), name)
        session = self.client.session(
            "xhr", "/chat", cookies=login.cookies, origin="https://example.org"
        )
        self.assertEqual(session.closed, (1006, ""))

    def test_nobody(self) -> None:
        """
        Chapter 2: a form without a name gives no cookie.
        """
        self.chapter(2)
        site = import_module("server").makeSite(MemoryReactor())
        self.serve(MemorySite(site))
        for body in b"", b"name=", b"name=+", b"\xff", b"other=x":
            login = self.client.request("POST", "/login", body=body)
            self.assertEqual((login.status, login.cookies), (302, {}))

    def test_rooms(self) -> None:
        """
        Chapters 3 and 5 pass the tests that chapter 4 writes for chapter 3.
        """
        for number in 4, 5:
            self.chapter(number)
            result = self.runTests()
            self.assertEqual(result.failures + result.errors, [])
            [shown] = [
                block.text
                for block in blocks("docs/tutorial/4-tests.rst", "text")
                if "successes" in block.text
            ]
            self.assertIn(f"Ran {result.testsRun} tests", shown)
            self.assertIn(f"(successes={result.testsRun})", shown)

    def test_fail(self) -> None:
        """
        They fail where the text says that they do.
        """
        accounts = (TUTORIAL / "chapter4" / "accounts.py").read_text().splitlines(True)
        [at] = [n for n, line in enumerate(accounts) if "compare_digest" in line]
        forgery = "".join(accounts[at : at + 2])
        for name, old, new, count, failing in (
            ("accounts.py", forgery, "", 1, "test_stranger"),
            ("chat.py", 'return f"{name}: {text}"', "return text", 4, "test_talk"),
        ):
            here = Path(self.mktemp()).absolute()
            shutil.copytree(TUTORIAL / "chapter4", here)
            text = (here / name).read_text()
            self.assertEqual(text.count(old), 1)
            (here / name).write_text(text.replace(old, new))
            self.enter(here)
            result = self.runTests()
            found = {test.id() for test, _ in result.failures + result.errors}
            self.assertEqual(len(found), count, found)
            self.assertIn(f"test_chat.ChatTests.{failing}", found)

    def test_secure(self) -> None:
        """
        Chapter 5: the cookie is for TLS alone.
        """
        self.chapter(5)
        clock, root = MemoryReactor(), Resource()
        import_module("server").addPages(root, secure=True)
        self.serve(MemorySite(Site(root, reactor=clock)))
        login = self.client.request("POST", "/login", body=b"name=Ada")
        self.assertIn("; Secure", login.headers.getRawHeaders("set-cookie")[0])


class DocumentTests(SynchronousTestCase):
    """
    The chapters' texts.
    """

    def test_grows(self) -> None:
        """
        A file that a chapter says nothing of is that of the chapter before.
        """
        for name, first in (("accounts.py", 2), ("chat.py", 3), ("server.py", 3)):
            texts = {
                (TUTORIAL / f"chapter{number}" / name).read_text()
                for number in range(first, 6)
            }
            self.assertEqual(len(texts), 1, name)
        for name in "public/index.html", "test_chat.py":
            texts = {
                (TUTORIAL / f"chapter{number}" / name).read_text() for number in (4, 5)
            }
            self.assertEqual(len(texts), 1, name)

    def test_whole(self) -> None:
        """
        Each file of a chapter is shown in it, if it is new there, and nothing else is
        shown as a program.
        """
        before: set[str] = set()
        for number, name in enumerate(CHAPTERS, 1):
            document = f"docs/tutorial/{name}.rst"
            files = {
                path.read_text().rstrip("\n") + "\n"
                for path in (TUTORIAL / f"chapter{number}").rglob("*")
                if path.is_file() and path.suffix in (".py", ".html", ".cfg")
            }
            shown = {
                block.text
                for language in ("python", "html", "text")
                for block in blocks(document, language)
            }
            self.assertEqual(files - shown - before, set(), document)
            programs = {
                block.text
                for language in ("python", "html")
                for block in blocks(document, language)
            }
            self.assertEqual(programs - files, set(), document)
            before |= files

    def test_typed(self) -> None:
        """
        What is typed is what `tests.integration.test_tutorial` runs.
        """
        typed = {
            name: [
                words
                for program in ("twistd", "python", "cp", "haproxy", "kill")
                for words in commands(f"docs/tutorial/{name}.rst", program)
            ]
            for name in CHAPTERS
        }
        service = ["-n", "sockjs", "--service"]
        self.assertEqual(typed["1-echo"][0], [*service, "chat=echo.Echo"])
        self.assertEqual(
            typed["1-echo"][1],
            [*service, "chat=chat.ChatFactory", "--static", "public"],
        )
        self.assertEqual(len(typed["1-echo"]), 3)
        self.assertEqual(typed["2-names"], [["server.py"]])
        self.assertEqual(typed["3-rooms"], [["server.py"]])
        self.assertEqual(typed["4-tests"], [["-m", "twisted.trial", "test_chat"]])
        self.assertEqual(len(typed["5-production"]), 2)

    def test_listed(self) -> None:
        """
        The chapters are all that there are, in their order.
        """
        text = (ROOT / "docs" / "tutorial" / "index.rst").read_text()
        listed = [line.strip() for line in text.splitlines() if line[4:5].isdigit()]
        self.assertEqual(listed, list(CHAPTERS))
        read("docs/tutorial/index.rst")

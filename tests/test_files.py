"""Tests of `txsockjs.files`, over a whole server in memory."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor, task
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.filepath import FilePath
from twisted.trial.unittest import TestCase

from txsockjs.factory import SockJSMultiFactory
from txsockjs.files import PublicFile
from txsockjs.testing import MemoryClient, MemoryReactor, MemoryResponse, MemorySite


class FilesTestCase(TestCase):
    """A directory of files, and a browser."""

    def setUp(self) -> None:
        self.here = FilePath(self.mktemp())
        for name in "page", "sub/x", ".env", ".git/config", "sub/.env", "bare/.env":
            path = self.here.preauthChild(name)
            path.parent().makedirs(ignoreExistingDirectory=True)
            path.setContent(b"0123456789")
        self.here.child("index.html").setContent(b"index")
        self.memory = MemoryReactor()
        site = SockJSMultiFactory(clock=self.memory)
        site.resource = PublicFile(self.here.path)
        served = MemorySite(site)
        self.addCleanup(served.stop)
        self.client = MemoryClient(served)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    async def get(
        self, path: str, method: str = "GET", **headers: str
    ) -> MemoryResponse:
        """The answer to a request, of which nothing is logged."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.request(method, path, headers=named)
        self.memory.settle()
        while not response.finished:
            # Twisted asks for the next piece of a file by the reactor itself.
            await task.deferLater(reactor, 0)
            self.memory.settle()
        loud = [each for each in self.events if each["log_level"] > LogLevel.debug]
        self.assertEqual(loud, [], path)
        return response

    async def assertStatus(self, status: int, *paths: str) -> None:
        """Each of these paths is answered so."""
        self.assertEqual(
            {p: (await self.get(p)).status for p in paths}, dict.fromkeys(paths, status)
        )


class NamesTests(FilesTestCase):
    """What can be asked for by its name."""

    async def test_files(self) -> None:
        """Files and the index are served, links too."""
        os.symlink(self.here.child("page").path, self.here.child("link").path)
        await self.assertStatus(200, "/page", "/sub/x", "/", "/link", "/index.html")
        self.assertEqual((await self.get("/")).body, b"index")

    async def test_noLists(self) -> None:
        """A directory without an index is not there, and shows nothing."""
        await self.assertStatus(404, "/sub/", "/bare/")
        self.assertNotIn(b"env", (await self.get("/bare/")).body)

    async def test_dots(self) -> None:
        """No name that begins with a dot is served, however it is written."""
        await self.assertStatus(
            404,
            *(
                "/.env",
                "/%2eenv",
                "/.git/config",
                "/.git",
                "/%2Egit/config",
                "/sub/.env",
            ),
            *("/x%2f..%2f.env", "/sub%2f..%2f.git/config", "/sub%2f.env", "/.%2f.env"),
            *("/%2e%2e/", "/sub/..%2f.env", "/sub%2fx", "/./page", "/.//page"),
        )

    async def test_badNames(self) -> None:
        """Names that no file can have are answered, and logged by nobody."""
        await self.assertStatus(
            404, "/%ff%fe", "/a%00b", "/" + "x" * 5000, "/page/x", "//page"
        )

    async def test_noProgram(self) -> None:
        """A file is shown, and never executed."""
        self.patch(PublicFile.__mro__[1], "processors", {".rpy": lambda *args: 1 // 0})
        self.here.child("a.rpy").setContent(b"print(1)")
        self.assertEqual((await self.get("/a.rpy")).body, b"print(1)")

    async def test_pipe(self) -> None:
        """What is no file does not hold the server up."""
        os.mkfifo(self.here.child("pipe").path)
        await self.assertStatus(404, "/pipe")

    async def test_methods(self) -> None:
        """HEAD has no body, and nothing can be put there."""
        self.assertEqual((await self.get("/page", "HEAD")).body, b"")
        self.assertEqual((await self.get("/page", "POST")).status, 405)


class ConditionTests(FilesTestCase):
    """Requests for what has changed, or for a part."""

    async def test_modified(self) -> None:
        """A client that has the file is told that it has it."""
        since = (await self.get("/page")).headers.getRawHeaders("Last-Modified")[0]
        self.assertEqual((await self.get("/page", If_Modified_Since=since)).status, 304)
        old = "Thu, 01 Jan 1970 00:00:01 GMT"
        for then in old, "yesterday", "Thu, 99 Foo 1970 00:00:01 GMT":
            self.assertEqual(
                (await self.get("/page", If_Modified_Since=then)).status, 200
            )

    async def test_range(self) -> None:
        """One range of bytes is answered with those bytes."""
        for asked, body in (
            ("2-4", b"234"),
            ("7-", b"789"),
            ("-3", b"789"),
            ("8-99", b"89"),
        ):
            response = await self.get("/page", Range=f"bytes={asked}")
            self.assertEqual((response.status, response.body), (206, body))
        self.assertEqual((await self.get("/page", Range="bytes=10-")).status, 416)

    async def test_otherRanges(self) -> None:
        """Any other Range is ignored, and many of them are not many answers."""
        many = ",".join(["0-"] * 1000)
        for asked in "-99", "4-2", many, "x-", "-", "0-1,2-3", "1" * 5000 + "-", "\xff":
            response = await self.get("/page", Range=f"bytes={asked}")
            self.assertEqual((response.status, response.body), (200, b"0123456789"))

"""Tests of the status page as what a site serves: `txsockjs.status.page`."""

from __future__ import annotations

import re

from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.status.support import Looking, StatusTestCase
from txsockjs.browser import CLIENT, clientScript
from txsockjs.status import statusResource
from txsockjs.testing import MemoryClient, MemorySite


class PageTests(StatusTestCase):
    """The page and its files."""

    def test_files(self) -> None:
        """All that the page names is there, and it names nothing that is elsewhere."""
        page = self.operator.request("GET", "/")
        self.assertEqual(page.status, 200)
        names = re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode())
        self.assertIn("sockjs.min.js", names)
        for name in names:
            found = self.operator.request("GET", f"/{name}")
            self.assertEqual(found.status, 200, name)
            imports = re.findall(r"from '\./([^']+)'", found.body.decode())
            for other in imports:
                self.assertEqual(self.operator.request("GET", f"/{other}").status, 200)

    def test_guarded(self) -> None:
        """
        No script but its own runs in it, no other site frames it, and what it says of
        its files' types holds.
        """
        headers = self.operator.request("GET", "/").headers
        [policy] = headers.getRawHeaders("Content-Security-Policy", [])
        self.assertIn("default-src 'none'; script-src 'self';", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertEqual(headers.getRawHeaders("X-Content-Type-Options"), ["nosniff"])
        self.assertNotIn("unsafe", policy)

    def test_known(self) -> None:
        """Who has a file already is told so; HEAD has the headers alone."""
        first = self.operator.request("GET", "/status.js")
        [tag] = first.headers.getRawHeaders("ETag", [])
        again = self.operator.request("GET", "/status.js", {"If-None-Match": tag})
        self.assertEqual((again.status, again.body), (304, b""))
        head = self.operator.request("HEAD", "/status.js")
        self.assertEqual((head.status, head.body), (200, b""))
        size = head.headers.getRawHeaders("Content-Length")
        self.assertEqual(size, [str(len(first.body))])

    def test_nothingElse(self) -> None:
        """There is nothing else, by any way of writing it."""
        for path in "/page.py", "/../page.py", "/live/x", "/index.html/x", "/%2e%2e/":
            self.assertEqual(self.operator.request("GET", path).status, 404, path)

    def test_below(self) -> None:
        """
        Below a site of one's own it is found with its slash and without, and is live
        there.
        """
        root = Resource()
        status = statusResource(self.site.services.values(), clock=self.reactor)
        root.putChild(b"status", status)
        memory = MemorySite(Site(root, reactor=self.reactor))
        self.addCleanup(memory.stop)
        client = MemoryClient(memory)
        found = client.request("GET", "/status")
        self.assertEqual(found.headers.getRawHeaders("Location"), ["status/"])
        self.assertEqual(client.request("GET", "/status/").status, 200)
        looking = Looking.__new__(Looking)
        session = client.session("websocket", "/status/live")
        looking.session = session
        self.assertTrue(session.opened)
        session.abort()
        status.live.stop()

    def test_client(self) -> None:
        """The stock client is in the package, with its licences."""
        resource = clientScript()
        self.assertIn(b"sockjs-client v1.6.1", CLIENT.getContent()[:80])
        self.assertTrue(CLIENT.sibling("LICENSE.txt").isfile())
        self.assertIsNotNone(resource)

    def test_crowd(self) -> None:
        """So many may look at a time, and no more."""
        for _ in range(50):
            self.watch()
        response = MemoryClient(self.page).request("POST", "/live/0/more/xhr")
        self.assertEqual(response.status, 503)


class TextTests(StatusTestCase):
    """What sessions send is text, and nothing else."""

    def options(self) -> dict[str, object]:
        return {"proxy_header": "X-Forwarded-For"}

    def test_hostile(self) -> None:
        """
        A client that can say who it is, in a header, a query and a path, gets no more
        into the page than an address of a few characters.
        """
        evil = "<script>alert(1)</script>"
        long = "9" * 5000
        for number, value in enumerate((evil, long, "\xff\x00", '"},{"type":"all"}')):
            headers = {
                "X-Forwarded-For": value,
                "User-Agent": evil,
                "Referer": f"http://{evil}/",
            }
            path = f"/chat/0/{number}/xhr?{evil.replace('<', '%3C')}"
            self.users.request("POST", path, headers)
        looking = self.watch()
        looking.look()
        self.seconds(2)
        types = [each["type"] for each in looking.read()]
        self.assertEqual(set(types), {"rows", "change"})
        for row in looking.rows.values():
            self.assertLessEqual(len(row[2]), 80)
        text = str(looking.messages)
        self.assertNotIn("User-Agent", text)
        self.assertNotIn("alert(1)</script>/", text)

    def test_noHTML(self) -> None:
        """No script of the page makes elements of text."""
        for name in "status.js", "table.js", "graphs.js", "words.js":
            source = self.operator.request("GET", f"/{name}").body.decode()
            for way in (
                "innerHTML",
                "outerHTML",
                "insertAdjacent",
                "document.write",
                "eval",
            ):
                self.assertNotIn(way, source, name)

"""Origins, held against the URL parser that browsers have, which Node has too."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.support.programs.node import need, runNode
from txsockjs.origins import canonical, originOf

#: What URLs and attempts at them are made of.
_PARTS = [
    *(":/\\@?#.-_%~!$&'()*+,;=|^\"<>{}` \t\n\r\0\x7f\u3000[]ab1"),
    *("http", "https", "HTTP", "//", ":80", ":443", ":0443", ":8443", ":65536", ":"),
    *("example.com", "EXAMPLE", "evil.test", "www.", ".xn--bcher-kva.", "%2e"),
    *("b\xfccher", "stra\xdfe", "fa\xdf", "\u03b2", "\u3002", "\uff0e\uff11", "\uff11"),
    *("\u00ad", "\u200b", "\u200d", "\u0130", "\u01c5", "\u0301", "\u4f8b", "\u05d0"),
    *("127", "127.1", "127.0.0.1", "0x7f", "010", "[::1]", "[::0001]", "[1::]"),
    *("[::ffff:1.2.3.4]", "[1:2:3:4:5:6:7:8]", "[1:0:0:2:0:0:0:3]", "[::1%eth0]"),
]

#: What most of them begin with, so that there is something to find.
_STARTS = ["http://", "https://", "https://example.com", "https://bücher.example", ""]


def texts(count: int, seed: int, most: int) -> list[str]:
    """
    So many texts, always the same for a seed.
    """
    random = Random(seed)
    return [
        random.choice(_STARTS)
        + "".join(random.choices(_PARTS, k=random.randint(0, most)))
        for _ in range(count)
    ]


def allowed(text: str) -> str | None:
    """
    What an option makes of a text, if it takes it.
    """
    try:
        return canonical(text)
    except ValueError:
        return None


class BrowserTests(TestCase):
    """
    What matches here is what a browser means.
    """

    timeout = 60

    def setUp(self) -> None:
        need("node")

    async def browser(self, asked: list[str]) -> list[Any]:
        """
        The origins that a browser finds.
        """
        [origins] = await runNode(reactor, "origins.js", json.dumps(asked))
        self.assertEqual(len(origins), len(asked))
        return list(origins)

    async def test_options(self) -> None:
        """
        What the option ``origins`` takes is the origin that a browser makes of it.
        """
        some = {text.strip() for text in texts(20_000, 1, 3)}
        asked = [text for text in some if (allowed(text) or "").startswith("http")]
        self.assertGreater(len(asked), 500)
        for text, origin in zip(asked, await self.browser(asked), strict=True):
            self.assertEqual(allowed(text), origin, repr(text))

    async def test_origins(self) -> None:
        """
        An origin as browsers send it is taken as it is.
        """
        asked = [
            f"http://{t}" for t in ("a", "a.b:1", "a_b.c-d", "[1::2]:5", "1.2.3.4")
        ]
        self.assertEqual(await self.browser(asked), asked)
        self.assertEqual([allowed(origin) for origin in asked], asked)

    async def test_pages(self) -> None:
        """
        No ``Referer`` is taken for a page of an origin that a browser would not find.
        """
        found = {}
        for text in texts(20_000, 2, 6):
            origin = originOf(text.encode("utf-8")).lower()
            if origin.startswith("http") and allowed(origin) == origin:
                found[text] = origin
        self.assertGreater(len(found), 200)
        origins = await self.browser(list(found))
        self.assertEqual(dict(zip(found, origins, strict=True)), found)

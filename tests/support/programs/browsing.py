"""Pages in Chromium that do one thing with a server of the test's: `Pages`."""

from __future__ import annotations

import json
import shutil
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.trial.unittest import FailTest
from twisted.web.static import File

from tests.support.programs.node import TESTS, runNode
from txsockjs.factory import SockJSMultiFactory

#: What the pages are made of, and npm packages.
PACKAGES = ("puppeteer-core", "sockjs-client", "@stomp/stompjs", "mqtt", "graphql-ws")

_SCRIPTS = (
    "sockjs-client/dist/sockjs.min.js",
    "@stomp/stompjs/bundles/stomp.umd.min.js",
    "mqtt/dist/mqtt.min.js",
    "graphql-ws/umd/graphql-ws.min.js",
)

#: Milliseconds that a page may take.
_PATIENCE = 30_000


async def listen(test: Any, factory: Factory) -> int:
    """
    Listen with a factory until the test ends; the port's number.
    """
    from twisted.internet import reactor

    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port = await endpoint.listen(factory)
    test.addCleanup(port.stopListening)
    number: int = port.getHost().port
    return number


class Pages:
    """
    A server of pages that can do what ``tests/js/subprotocols.js`` has.

    :ivar url: where it is.
    :ivar socket: where its WebSockets are.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.socket = f"ws://127.0.0.1:{port}"

    @classmethod
    async def serve(cls, test: Any, site: SockJSMultiFactory | None = None) -> Pages:
        """
        Serve the pages, beside the services of a Site.
        """
        site = site or SockJSMultiFactory()
        page = File(str(TESTS / "js"))
        for script in _SCRIPTS:
            name = script.rpartition("/")[2].encode()
            page.putChild(name, File(str(TESTS / "node_modules" / script)))
        site.resource.putChild(b"page", page)
        return cls(await listen(test, site))

    async def run(self, scenario: str, url: str, *each: Any, **options: Any) -> Any:
        """
        Have a page do something, once, or one time after the other.

        :param url: of the service that it does it with.
        :param each: options of each of several times, as a dict.
        :return: what came of it, or a list of that.
        """
        from twisted.internet import reactor

        options = {"url": url, "patience": _PATIENCE, **options}
        runs = [
            {"key": place, "scenario": scenario, "options": {**options, **own}}
            for place, own in enumerate(each or [{}])
        ]
        plan = {
            "browser": "chrome",
            "executable": shutil.which("chromium"),
            "groups": [{"page": f"{self.url}/page/subprotocols.html", "runs": runs}],
        }
        results = {}
        for line in await runNode(reactor, "browser.js", json.dumps(plan)):
            results[line["key"]] = line["result"]
        if "error" in results:
            raise FailTest(f"the page had an error: {results['error']}")
        return [results[place] for place in range(len(runs))] if each else results[0]

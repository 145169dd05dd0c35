"""The browser's side of the example that ``README.rst`` begins with."""

from __future__ import annotations

from twisted.internet import reactor

from tests.support.documents import blocks
from tests.support.examples import ExampleTestCase
from tests.support.programs.node import need, runNode


class ClientTests(ExampleTestCase):
    """
    The block of JavaScript, run with the stock client under Node.
    """

    document = "README.rst"

    async def test_client(self) -> None:
        """
        It says hello to the first example, which shouts, and hears of the end.
        """
        need("node", packages=("sockjs-client",))
        self.run_("shout")
        [client] = blocks(self.document, "javascript")
        said = await runNode(
            reactor,
            "example.js",
            client.text,
            "http://127.0.0.1:8080/",
            self.url(8080),
        )
        self.assertEqual(said, [["HELLO"], [1000, "Normal closure"]])

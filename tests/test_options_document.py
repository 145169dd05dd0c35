"""``docs/options.rst`` is about the options that there are."""

from __future__ import annotations

import ast
import shlex
from typing import Any

from docutils import nodes
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.wire import Echo

from tests.support.documents import Block, literals, read
from tests.support.examples import ExampleTestCase
from txsockjs.errors import OptionError, SessionRefused
from txsockjs.factory import SockJSFactory
from txsockjs.options import TRANSPORTS, SockJSOptions
from txsockjs.tap import Options
from txsockjs.testing import MemoryClient, MemorySite, MemorySockJSEndpoint

DOCUMENT = "docs/options.rst"


def documented() -> dict[str, dict[str, list[str]]]:
    """
    The literals in each field of each option's section, by option and field.
    """
    found = {}
    for section in read(DOCUMENT).findall(nodes.section):
        title = section[0]
        if isinstance(title[0], nodes.literal):
            found[title.astext()] = {
                field[0].astext(): literals(field[1])
                for field in section.findall(nodes.field)
            }
    return found


def value(literal: str) -> Any:
    """
    The value that a document writes down.
    """
    return float("inf") if literal == 'float("inf")' else ast.literal_eval(literal)


class OptionsTests(ExampleTestCase):
    """
    Names, defaults, limits and examples.
    """

    document = DOCUMENT

    def setUp(self) -> None:
        super().setUp()
        authorize = Block("", "python", "def authorize(request): pass\n")
        self.module(authorize, "myapp/auth.py")
        self.documented = documented()

    def test_names(self) -> None:
        """
        Each option has a section, and there is no section without an option.
        """
        names = {name for name, default, meaning in SockJSOptions.fields()}
        self.assertEqual(set(self.documented), names)

    def test_defaults(self) -> None:
        """
        The defaults are as they are documented.
        """
        for name, default, _ in SockJSOptions.fields():
            [literal] = self.documented[name]["Default"]
            self.assertEqual(value(literal), default, name)

    def test_transports(self) -> None:
        """
        The transports that can be disabled are all named, and no others.
        """
        fields = self.documented["disabled_transports"]
        self.assertEqual(tuple(fields["Takes"]), TRANSPORTS)

    def test_refused(self) -> None:
        """
        What a section says is refused, is, by an error that names the option.
        """
        for name, fields in self.documented.items():
            self.assertTrue(fields["Refuses"], name)
            for literal in fields["Refuses"]:
                error = self.assertRaises(
                    OptionError, SockJSOptions.fromDict, {name: value(literal)}
                )
                self.assertIn(repr(name), str(error))

    def test_examples(self) -> None:
        """
        The three examples of an option set it, and nothing else, to one value.
        """
        defaults = SockJSOptions()
        for name, fields in self.documented.items():
            [given], [endpoint], [command] = (
                fields[way] for way in ("Dict", "Endpoint", "twistd")
            )
            options = SockJSOptions.fromDict(value(given))
            self.assertEqual(list(value(given)), [name])
            self.assertNotEqual(options, defaults, name)
            self.assertEqual(self.ofEndpoint(endpoint), options)
            self.assertEqual(self.ofCommand(command), options)

    def test_subprotocolsByName(self) -> None:
        """
        A callable can be named wherever an option is a string.
        """
        self.module(Block("", "python", "def newest(offered): pass\n"), "by.py")
        for options in (
            self.ofEndpoint(r"sockjs:tcp\:8080:subprotocols=by\:newest"),
            self.ofCommand("twistd sockjs --option subprotocols=by:newest"),
            self.ofCommand("twistd sockjs --option a:subprotocols=by:newest"),
        ):
            self.assertEqual(options.subprotocols.__qualname__, "newest")

    def ofEndpoint(self, text: str) -> SockJSOptions:
        endpoint: Any = serverFromString(MemoryReactorClock(), text)
        options: SockJSOptions = endpoint.options
        return options

    def ofCommand(self, text: str) -> SockJSOptions:
        program, command, *arguments = shlex.split(text)
        self.assertEqual([program, command], ["twistd", "sockjs"])
        parsed = Options(MemoryReactorClock())
        parsed.parseOptions(["--service", "a=twisted.protocols.wire.Echo", *arguments])
        return parsed.site.services["a"].options


class ExampleTests(ExampleTestCase):
    """
    The blocks of Python.
    """

    document = DOCUMENT

    def setUp(self) -> None:
        super().setUp()
        self.space["factory"] = Factory.forProtocol(Echo)

    def test_complete(self) -> None:
        """
        No block is left out here.
        """
        self.assertAllTested()

    def test_ways(self) -> None:
        """
        Both ways come to the same.
        """
        self.run_("ways")
        one, other = (self.space[n].services[""].options for n in ("site", "same"))
        self.assertEqual((one, one.heartbeat), (other, 15.0))

    def test_origins(self) -> None:
        """
        The callable lets each tenant in at its own origin, and nobody else.
        """
        self.run_("ways", "origins")
        options = {"origins": self.space["ours"]}
        site = MemorySite.serving(Factory.forProtocol(Echo), options)
        client = MemoryClient(site)
        for tenant, status in (("chat", 200), ("shop", 403)):
            origin = "https://chat.example.com"
            response = client.request(
                "GET", "/info", {"Origin": origin, "X-Tenant": tenant}
            )
            self.assertEqual(response.status, status)

    def test_subprotocols(self) -> None:
        """
        The callable agrees to the newest, and who offers none of them is refused.
        """
        self.run_("ways", "subprotocols")
        site = MemorySite.serving(Factory.forProtocol(Echo), self.space["options"])
        for offers, subprotocol, close in (
            (["v10.stomp", "v12.stomp", "v11.stomp"], "v12.stomp", None),
            (["mqtt"], None, (4406, "Speak STOMP")),
        ):
            connecting = MemorySockJSEndpoint(
                site, transports=["websocket"], subprotocols=offers
            ).connect(Factory.forProtocol(Echo))
            site.settle()
            if close is None:
                client = self.successResultOf(connecting)
                self.assertEqual(client.transport.subprotocol, subprotocol)
            else:
                error = self.failureResultOf(connecting, SessionRefused).value
                self.assertEqual((error.code, error.reason), close)
        self.assertIsInstance(self.space["stomp"], SockJSFactory)

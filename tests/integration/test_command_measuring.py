"""``txsockjs ping`` and ``txsockjs load``: processes and sockets."""

from __future__ import annotations

import json
import sys
from typing import Any

import attrs
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

from tests.support.programs.command import CommandTestCase, TalkingFactory
from txsockjs.client.place import TRANSPORTS


class PingTests(CommandTestCase):
    """
    ``txsockjs ping``.
    """

    async def test_echo(self) -> None:
        """
        There is a line for info and one for each transport.
        """
        url = self.serve(Factory.forProtocol(Echo))
        status, output, errors = await self.run_(
            "ping", "--count", "5", "--interval", "0", url
        )
        self.assertEqual((status, errors), (0, ""), output)
        head, info, *lines = output.splitlines()
        self.assertRegex(head, "^ +measured +sent +lost +min +median +p99 +max$")
        self.assertRegex(info, r"^info +request +5 +0( +[\d.,]+ ms){4}$")
        for name, line in zip(TRANSPORTS, lines, strict=True):
            self.assertRegex(line, rf"^{name} +echo +5 +0( +[\d.,]+ ms){{4}}$")

    async def test_deaf(self) -> None:
        """
        Of a service that echoes nothing, openings are measured.
        """
        url = self.serve(TalkingFactory(echoes=False))
        status, output, errors = await self.run_(
            *("ping", "--count", "3", "--wait", "0.5", "--interval", "0", "--json", url)
        )
        self.assertEqual((status, errors), (0, ""), output)
        found = json.loads(output)
        self.assertEqual(found["url"], url)
        measured = [(trips["name"], trips["measured"]) for trips in found["trips"]]
        expected = [("info", "request"), *((name, "opening") for name in TRANSPORTS)]
        self.assertEqual(measured, expected)
        self.assertEqual({trips["lost"] for trips in found["trips"]}, {0})

    async def test_disabled(self) -> None:
        """
        A transport that does not work is lost, with the reason; the others are
        measured.
        """
        url = self.serve(Factory.forProtocol(Echo), websocket=False)
        status, output, errors = await self.run_(
            "ping", "--count", "2", "--interval", "0", url
        )
        self.assertEqual(status, 1)
        self.assertRegex(output, r"\nwebsocket +opening +1 +1( +-){4}\n")
        self.assertRegex(output, r"\nxhr-polling +echo +2 +0 ")
        self.assertRegex(errors, "^txsockjs ping: websocket: [^\n]+\n$")

    async def test_nobody(self) -> None:
        """
        Where there is nothing, that is told once.
        """
        url = self.serve(TalkingFactory())
        await self.port.stopListening()
        status, output, errors = await self.run_("ping", url)
        self.assertEqual((status, output.count("\n")), (1, 2))
        self.assertRegex(errors, "^txsockjs ping: info: [^\n]+refused[^\n]*\n$")

    async def test_interrupt(self) -> None:
        """
        SIGINT ends it, with what was measured so far.
        """
        factory = TalkingFactory(echoes=False)
        command = self.start(
            *("ping", "--count", "3", "--interval", "0", "--wait", "600", "--json"),
            self.serve(factory),
        )
        await factory.opened
        command.signal("INT")
        status, output, errors = await command.result()
        self.assertEqual((status, errors), (0, ""))
        await factory.ended
        names = [trips["name"] for trips in json.loads(output)["trips"]]
        self.assertEqual(names, ["info", "websocket"])


@attrs.frozen
class Loaded:
    """
    The end of a ``txsockjs load``.
    """

    status: int
    result: Any
    errors: str


class LoadTests(CommandTestCase):
    """
    ``txsockjs load``.
    """

    async def load(self, url: str, *arguments: str) -> Loaded:
        """
        Run a load, with its result as JSON.
        """
        status, output, errors = await self.run_("load", url, "--json", *arguments)
        return Loaded(status, json.loads(output), errors)

    async def test_load(self) -> None:
        """
        Sessions over each transport are opened, echo, and are closed; never are there
        more than it was told, and the server has seen the same.
        """
        factory = TalkingFactory()
        url = self.serve(factory)
        loaded = await self.load(
            *(url, "--sessions", "12", "--rate", "100", "--message-rate", "10"),
            *("--transports", "websocket:2,xhr-streaming:1,xhr-polling:1"),
            *("--for", "2", "--every", "0.5"),
        )
        result = loaded.result
        self.assertEqual(loaded.status, 0, loaded)
        self.assertEqual((factory.most, result["peak"]), (12, 12))
        self.assertEqual(result["sessions"]["opened"], len(factory.sessions))
        self.assertEqual(result["messages"]["sent"], len(factory.heard))
        self.assertEqual(result["messages"]["echoed"], len(factory.heard))
        self.assertGreater(len(factory.heard), 120)
        opened = {
            name: each["sessions"]["opened"]
            for name, each in result["transports"].items()
        }
        expected = {"websocket": 6, "xhr-streaming": 3, "xhr-polling": 3}
        self.assertEqual(opened, expected)
        trips = result["round_trip_ms"]
        self.assertTrue(0 < trips["min"] <= trips["p50"] <= trips["p99.9"])
        self.assertRegex(
            loaded.errors,
            r"^( *\d+\.\d s: \d+ of 12 open, 0 failed, 0 lost; [\d,]+ messages, "
            r"[\d,]+ back: p50 [\d.,]+, p99 [\d.,]+, p99\.9 [\d.,]+ ms\n)+$",
        )

    async def test_summary(self) -> None:
        """
        Without ``--json`` there is a table, and ``--output`` has the JSON.
        """
        url = self.serve(Factory.forProtocol(Echo))
        status, output, errors = await self.run_(
            *("load", url, "--sessions", "4", "--rate", "100", "--for", "1", "--quiet"),
            *("--transports", "websocket,xhr-polling", "--output", "load.json"),
        )
        self.assertEqual((status, errors), (0, ""), output)
        lines = output.splitlines()
        self.assertRegex(lines[0], "^4 of 4 sessions opened, 4 at once at the most")
        self.assertRegex(lines[2], r"^transport +opened +failed +lost .* p99\.9 +max$")
        names = [line.split()[0] for line in lines[3:]]
        self.assertEqual(names, ["websocket", "xhr-polling", "all"])
        result = json.loads((self.here / "load.json").read_text())
        self.assertEqual(result["sessions"]["opened"], 4)

    async def test_lost(self) -> None:
        """
        Sessions that the server closes are lost; the status tells.
        """
        url = self.serve(TalkingFactory(close=(4000, "Enough")))
        loaded = await self.load(url, "--sessions", "3", "--rate", "100", "--quiet")
        self.assertEqual(loaded.status, 1)
        self.assertEqual(loaded.result["errors"], {"closed: 4000 Enough": 3})
        self.assertEqual(loaded.result["sessions"]["lost"], 3)
        self.assertLess(loaded.result["seconds"], 9)

    async def test_refused(self) -> None:
        """
        Where nobody is, each failure is counted, in short.
        """
        url = self.serve(TalkingFactory())
        await self.port.stopListening()
        loaded = await self.load(url, "--sessions", "3", "--rate", "100", "--quiet")
        self.assertEqual((loaded.status, loaded.errors), (1, ""))
        self.assertEqual(loaded.result["sessions"]["failed"], 3)
        [(problem, times)] = loaded.result["errors"].items()
        self.assertEqual(times, 3)
        self.assertIn("refused", problem)

    async def test_interrupt(self) -> None:
        """
        SIGINT ends it in good order, with the result so far.
        """
        factory = TalkingFactory()
        command = self.start(
            *("load", self.serve(factory), "--sessions", "1000", "--rate", "20"),
            *("--for", "600", "--json", "--quiet"),
        )
        await factory.opened
        command.signal("INT")
        status, output, errors = await command.result()
        self.assertEqual(errors, "")
        await factory.ended
        result = json.loads(output)
        self.assertTrue(result["interrupted"])
        self.assertEqual(result["messages"]["lost"], 0)
        self.assertEqual(status, 1 if result["sessions"]["cancelled"] else 0)
        self.assertEqual(factory.open, 0)

    async def test_output(self) -> None:
        """
        A file that cannot be written is told before anything begins.
        """
        factory = TalkingFactory()
        url = self.serve(factory)
        result = await self.run_("load", url, "--output", "no/where")
        said = "txsockjs load: cannot write no/where: No such file or directory\n"
        self.assertEqual(result, (1, "", said))
        self.assertEqual(factory.sessions, [])

    async def test_files(self) -> None:
        """
        More sessions than there may be files are refused, with what to try.
        """
        url = self.serve(TalkingFactory())
        load = f"{sys.executable} -m txsockjs load {url} --sessions 500"
        status, output, errors = await self.run_(
            *("-c", f"ulimit -n 200; {load}"), program=("sh",)
        )
        self.assertEqual((status, output), (1, ""))
        self.assertRegex(errors, "^txsockjs load: [^\n]*200 are allowed[^\n]*ulimit")

    async def test_terminal(self) -> None:
        """
        In a terminal, a table shows how far it is, and goes when the result comes.
        """
        url = self.serve(Factory.forProtocol(Echo))
        command = self.start(
            *("load", url, "--sessions", "5", "--rate", "100", "--for", "2"),
            *("--every", "0.2"),
            terminal=True,
            input=None,
        )
        await command.until(r"5 open, 0 opening, 5 of 5 begun")
        await command.until(r"5 of 5 sessions opened")
        self.assertEqual(await command.ended, 0)

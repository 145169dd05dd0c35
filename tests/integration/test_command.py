"""The command C{txsockjs} as a person or a script runs it: processes and sockets."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import KeyPair
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure

from tests.support.programs.command import ROOT, CommandTestCase
from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import SessionEnded

PLAIN_LINE = re.compile(r"txsockjs connect: [^\n]+\n")


class Talking(Protocol):
    """
    Echoes, and keeps how sessions begin and end.
    """

    transport: Any
    factory: TalkingFactory

    def connectionMade(self) -> None:
        self.factory.sessions.append(self)
        self.factory.open += 1
        self.factory.most = max(self.factory.most, self.factory.open)
        if not self.factory.opened.called:
            self.factory.opened.callback(None)
        for message in self.factory.greeting:
            self.transport.write(message)
        if self.factory.close is not None:
            self.transport.loseConnection(*self.factory.close)

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard.append(data)
        if self.factory.echoes:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.open -= 1
        self.factory.ends.append(reason.value)
        if not self.factory.ended.called:
            self.factory.ended.callback(None)


class TalkingFactory(Factory):
    """
    @ivar greeting: what each session begins with.
    @ivar close: with what each session is closed then, or None.
    @ivar echoes: whether messages come back.
    @ivar opened: fires when the first session opens; C{ended} when one has ended.
    @ivar most: how many sessions were open at once.
    """

    protocol = Talking
    noisy = False

    def __init__(
        self,
        *greeting: bytes,
        close: tuple[int, str] | None = None,
        echoes: bool = True,
    ) -> None:
        self.greeting = greeting
        self.close = close
        self.echoes = echoes
        self.opened: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.sessions: list[Any] = []
        self.heard: list[bytes] = []
        self.ends: list[Any] = []
        self.open = self.most = 0


class PipeTests(CommandTestCase):
    """
    C{txsockjs connect} in a pipe.
    """

    async def test_echo(self) -> None:
        """
        Over each transport, lines go in, messages come out, and nothing else is said.
        """
        url = self.serve(Factory.forProtocol(Echo))
        lines = "a\nb\n\n\u20ac and \U0001f600\n"
        for transport in TRANSPORTS:
            result = await self.run_(
                *("connect", "--transport", transport, url), input=lines.encode()
            )
            self.assertEqual(result, (0, lines, ""), transport)

    async def test_lines(self) -> None:
        """
        A line ends with LF or CRLF; the last one need not end at all.
        """
        factory = TalkingFactory()
        url = self.serve(factory)
        result = await self.run_("connect", url, input=b"a\r\nb\nc")
        self.assertEqual(result, (0, "a\nb\nc\n", ""))
        self.assertEqual(factory.heard, [b"a", b"b", b"c"])

    async def test_many(self) -> None:
        """
        Ten thousand lines, of more than what may wait anywhere, come back in order.
        """
        url = self.serve(Factory.forProtocol(Echo))
        lines = "".join(f"{number} {'x' * 500}\n" for number in range(10_000))
        status, output, errors = await self.run_("connect", url, input=lines.encode())
        self.assertEqual((status, errors), (0, ""))
        self.assertTrue(output == lines, f"{len(output)} of {len(lines)}")

    async def test_file(self) -> None:
        """
        The input may be a file, and so may the output.
        """
        url = self.serve(Factory.forProtocol(Echo))
        (self.here / "in").write_text("one\ntwo\n")
        result = await self.run_(
            *("-c", f"{sys.executable} -m txsockjs connect {url} <in >out"),
            program=("sh",),
        )
        self.assertEqual(result, (0, "", ""))
        self.assertEqual((self.here / "out").read_text(), "one\ntwo\n")

    async def test_reader(self) -> None:
        """
        Where whoever reads the output has gone, the session is closed.
        """
        factory = TalkingFactory()
        url = self.serve(factory)
        command = f"yes | {sys.executable} -m txsockjs connect {url} | head -n 2"
        result = await self.run_("-c", command, program=("sh",))
        await factory.ended
        self.assertEqual(result, (0, "y\ny\n", ""))

    async def test_closed(self) -> None:
        """
        The close code and reason of the server are on standard error, and they are the
        exit status.
        """
        for code, status in (3000, 0), (1000, 0), (3001, 3), (4401, 4), (1011, 1):
            url = self.serve(TalkingFactory(b"bye", close=(code, "For now")))
            result = await self.run_("connect", url, input=None)
            said = f"txsockjs connect: closed: {code} For now\n"
            self.assertEqual(result, (status, "bye\n", said))

    async def test_wait(self) -> None:
        """
        With C{--wait 0}, it does not wait for answers; but all that was read is sent.
        """
        factory = TalkingFactory(echoes=False)
        url = self.serve(factory)
        result = await self.run_("connect", "--wait", "0", url, input=b"a\nb\n")
        await factory.ended
        self.assertEqual(result, (0, "", ""))
        self.assertEqual(factory.heard, [b"a", b"b"])

    async def test_json(self) -> None:
        """
        With C{--json}, each event is a line.
        """
        url = self.serve(TalkingFactory(b"hello", close=(4000, "Enough")))
        status, output, errors = await self.run_("connect", "--json", url, input=None)
        events = [json.loads(line) for line in output.splitlines()]
        times = [event.pop("time") for event in events]
        self.assertEqual(times, sorted(times))
        self.assertEqual(
            events,
            [
                {"event": "open", "transport": "websocket"},
                {"event": "message", "direction": "in", "message": "hello"},
                {
                    "event": "close",
                    "code": 4000,
                    "reason": "Enough",
                    "description": "closed: 4000 Enough",
                },
            ],
        )
        self.assertEqual((status, errors.count("\n")), (4, 1))

    async def test_timestamps(self) -> None:
        """
        With C{--timestamps}, each message has its time.
        """
        url = self.serve(Factory.forProtocol(Echo))
        status, output, _ = await self.run_("connect", "--timestamps", url, input=b"a")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z a\n$")

    async def test_raw(self) -> None:
        """
        With C{--raw}, a WebSocket is spoken to without SockJS.
        """
        factory = TalkingFactory()
        url = self.serve(factory)
        result = await self.run_("connect", "--raw", url, input=b"a\nb\n")
        self.assertEqual(result, (0, "a\nb\n", ""))
        [session] = factory.sessions
        self.assertEqual(session.transport.request.transport, "rawwebsocket")

    async def test_headers(self) -> None:
        """
        Headers and cookies reach the server over each transport.
        """
        for transport in TRANSPORTS:
            factory = TalkingFactory()
            url = self.serve(factory)
            await self.run_(
                *("connect", "--transport", transport, "--wait", "0"),
                *("--header", "X-Token: a b", "--header", "X-Other: c"),
                *("--cookie", "who=me", "--cookie", "what=that", url),
            )
            request = factory.sessions[0].transport.request
            self.assertEqual(request.headers["x-token"], ("a b",))
            self.assertEqual(request.headers["x-other"], ("c",))
            self.assertEqual(request.cookies, {"who": "me", "what": "that"})

    async def test_fallback(self) -> None:
        """
        Where there is no WebSocket, the next transport is taken.
        """
        url = self.serve(Factory.forProtocol(Echo), websocket=False)
        status, output, _ = await self.run_("connect", "--json", url, input=b"a")
        self.assertEqual(status, 0)
        self.assertIn('"transport": "xhr-streaming"', output)


class TroubleTests(CommandTestCase):
    """
    What goes wrong is told in one line.
    """

    async def assertTrouble(
        self, status: int, arguments: list[str], *words: str, input: bytes | None = None
    ) -> None:
        """
        It ends with this status, and with one line on standard error that has these
        words.
        """
        found, output, errors = await self.run_("connect", *arguments, input=input)
        self.assertEqual((found, output), (status, ""), errors)
        self.assertTrue(PLAIN_LINE.fullmatch(errors), errors)
        for word in words:
            self.assertIn(word, errors)

    async def test_url(self) -> None:
        """
        A URL that is none is a wrong command line.
        """
        for url in "example.com", "ftp://127.0.0.1/", "http://127.0.0.1:1/a#b":
            await self.assertTrouble(2, [url], url)

    async def test_nobody(self) -> None:
        """
        Where nobody listens, that is said.
        """
        url = self.serve(TalkingFactory())
        await self.port.stopListening()
        await self.assertTrouble(1, [url], "refused", url)

    async def test_nothing(self) -> None:
        """
        Where there is another page, so is that.
        """
        url = self.serve(TalkingFactory())
        await self.assertTrouble(1, [f"{url}/nothing"], "404", "info")

    async def test_encoding(self) -> None:
        """
        A line that is not UTF-8 is an error that counts the lines; those before are
        sent.
        """
        factory = TalkingFactory(echoes=False)
        url = self.serve(factory)
        await self.assertTrouble(1, [url], "line 2 ", "UTF-8", input=b"a\n\xff\nc\n")
        await factory.ended
        self.assertEqual(factory.heard, [b"a"])

    async def test_long(self) -> None:
        """
        A line that is too long is an error that names the option; it need not end.
        """
        factory = TalkingFactory(echoes=False)
        url = self.serve(factory)
        arguments = ["--max-message-size", "1000", url]
        for line in b"x" * 1001 + b"\n", b"x" * 3000:
            await self.assertTrouble(
                1, arguments, "line 2 ", "--max-message-size", input=b"a\n" + line
            )
        self.assertEqual(factory.heard, [b"a", b"a"])

    async def test_large(self) -> None:
        """
        So is a message of the server that is.
        """
        url = self.serve(TalkingFactory(b"x" * 2000))
        await self.assertTrouble(
            1, ["--max-message-size", "1000", url], "max_message_size"
        )

    async def test_history(self) -> None:
        """
        A history that cannot be kept is told before anything begins.
        """
        url = self.serve(TalkingFactory())
        await self.assertTrouble(1, ["--history", "no/where", url], "no/where")

    async def test_certificate(self) -> None:
        """
        A certificate that nobody has vouched for is refused; with C{--insecure} it is
        not, and that is said.
        """
        self.serve(Factory.forProtocol(Echo))
        pair = KeyPair.generate(size=2048)
        options = pair.selfSignedCert(1, CN="localhost").options()
        port: Any = reactor.listenSSL(0, self.site, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = f"https://127.0.0.1:{port.getHost().port}/service"
        await self.assertTrouble(1, [url], "certificate")
        for transport in TRANSPORTS:
            arguments = ("--insecure", "--transport", transport, url)
            status, output, errors = await self.run_("connect", *arguments, input=b"a")
            self.assertEqual((status, output), (0, "a\n"))
            self.assertRegex(errors, "^txsockjs connect: warning: [^\n]*--insecure")

    async def test_verbose(self) -> None:
        """
        With C{--verbose}, what is logged is on standard error.
        """
        url = self.serve(Factory.forProtocol(Echo))
        status, output, errors = await self.run_("connect", "--verbose", url)
        self.assertEqual((status, output), (0, ""))
        self.assertRegex(errors, r"\d{4}-\d\d-\d\dT.*\[")


class SignalTests(CommandTestCase):
    """
    Signals.
    """

    async def test_interrupt(self) -> None:
        """
        SIGINT closes the session in good order; so does SIGTERM.
        """
        for name, status in ("INT", 130), ("TERM", 143):
            factory = TalkingFactory(b"hello")
            command = self.start("connect", self.serve(factory), input=None)
            await command.until("hello")
            command.signal(name)
            self.assertEqual(await command.result(), (status, "hello\n", ""))
            await factory.ended
            [error] = factory.ends
            assert isinstance(error, SessionEnded), error
            self.assertEqual(error.code, 1000)

    async def test_connecting(self) -> None:
        """
        While it connects, it ends that.
        """
        asked: Deferred[None] = Deferred()

        class Silent(Protocol):
            def dataReceived(self, data: bytes) -> None:
                asked.callback(None)

        port: Any = reactor.listenTCP(
            0, Factory.forProtocol(Silent), interface="127.0.0.1"
        )
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}"
        command = self.start("connect", url, input=None)
        await asked
        command.signal("INT")
        self.assertEqual(await command.result(), (130, "", ""))


class TerminalTests(CommandTestCase):
    """
    C{txsockjs connect} in a terminal.
    """

    async def test_keys(self) -> None:
        """
        A line can be edited and taken from the history; what comes in is marked; Ctrl-D
        closes the session.
        """
        factory = TalkingFactory(b"welcome")
        command = self.start("connect", self.serve(factory), terminal=True, input=None)
        await command.until("Open over websocket")
        await command.until("< welcome[^>]*>")
        command.type("hxelo\x1b[Dl\x1b[H\x1b[C\x1b[3~\r")
        await command.until("< hello")
        command.type("\x1b[A!\r")
        await command.until("< hello!")
        command.type("\x04")
        self.assertEqual(await command.ended, 0)
        await factory.ended
        self.assertEqual(factory.heard, [b"hello", b"hello!"])

    async def test_history(self) -> None:
        """
        With C{--history}, what was typed is there the next time.
        """
        for keys in "hello\r", "\x1b[A\r":
            url = self.serve(Factory.forProtocol(Echo))
            command = self.start(
                *("connect", "--history", "history", url), terminal=True, input=None
            )
            await command.until("Open over[^>]*>")
            command.type(keys)
            await command.until("< hello")
            command.type("\x04")
            self.assertEqual(await command.ended, 0)

    async def test_interrupt(self) -> None:
        """
        Ctrl-C closes the session, too.
        """
        factory = TalkingFactory()
        command = self.start("connect", self.serve(factory), terminal=True, input=None)
        await command.until("Open over")
        command.type("\x03")
        self.assertEqual(await command.ended, 130)
        await factory.ended

    async def test_closed(self) -> None:
        """
        Where the server closes while somebody types, it ends and says so.
        """
        factory = TalkingFactory()
        command = self.start("connect", self.serve(factory), terminal=True, input=None)
        await command.until("Open over")
        command.type("half a li")
        await command.until("half a li")
        factory.sessions[0].transport.loseConnection(4000, "Enough")
        self.assertEqual(await command.ended, 4)
        self.assertIn("closed: 4000 Enough", command.output)

    async def test_hostile(self) -> None:
        """
        A message does nothing to the terminal.
        """
        factory = TalkingFactory(b"\x1b]0;title\x07")
        command = self.start("connect", self.serve(factory), terminal=True, input=None)
        await command.until(r"< \\x1b\]0;title\\x07")
        self.assertNotIn("\x1b]0;title", command.output)
        command.type("\x04")
        self.assertEqual(await command.ended, 0)

    async def test_plain(self) -> None:
        """
        Without the extra, lines are typed and shown as the terminal has them.
        """
        missing = self.here / "missing"
        missing.mkdir()
        (missing / "prompt_toolkit.py").write_text("raise ImportError('not here')\n")
        factory = TalkingFactory(b"welcome\x1b")
        command = self.start(
            *("connect", self.serve(factory)),
            terminal=True,
            input=None,
            environment={"PYTHONPATH": f"{missing}:{ROOT}"},
        )
        await command.until(r"welcome\\x1b\r\n")
        command.type("hello\n")
        await command.until("hello\r\nhello\r\n")
        command.type("\x04")
        self.assertEqual(await command.ended, 0)
        self.assertEqual(factory.heard, [b"hello"])


class PingTests(CommandTestCase):
    """
    C{txsockjs ping}.
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
    The end of a C{txsockjs load}.
    """

    status: int
    result: Any
    errors: str


class LoadTests(CommandTestCase):
    """
    C{txsockjs load}.
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
        Without C{--json} there is a table, and C{--output} has the JSON.
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

"""The command ``txsockjs`` as a person or a script runs it: processes and sockets."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import KeyPair
from twisted.protocols.wire import Echo

from tests.support.programs.command import CommandTestCase, TalkingFactory
from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import SessionEnded

PLAIN_LINE = re.compile(r"txsockjs connect: [^\n]+\n")


class PipeTests(CommandTestCase):
    """
    ``txsockjs connect`` in a pipe.
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
        With ``--wait 0``, it does not wait for answers; but all that was read is sent.
        """
        factory = TalkingFactory(echoes=False)
        url = self.serve(factory)
        result = await self.run_("connect", "--wait", "0", url, input=b"a\nb\n")
        await factory.ended
        self.assertEqual(result, (0, "", ""))
        self.assertEqual(factory.heard, [b"a", b"b"])

    async def test_json(self) -> None:
        """
        With ``--json``, each event is a line.
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
        With ``--timestamps``, each message has its time.
        """
        url = self.serve(Factory.forProtocol(Echo))
        status, output, _ = await self.run_("connect", "--timestamps", url, input=b"a")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z a\n$")

    async def test_huge(self) -> None:
        """
        A line of some megabytes as JSON is one message, either way, where that is
        allowed at both ends.
        """
        line = b"\x01" * 1_000_000
        options = {"max_message_size": 8 * len(line), "max_buffer": 16 * len(line)}
        arguments = ("connect", "--max-message-size", str(8 * len(line)), "--wait", "0")
        for transport in TRANSPORTS:
            hearing = TalkingFactory(echoes=False)
            url = self.serve(hearing, **options)
            result = await self.run_(
                *arguments, "--transport", transport, url, input=line
            )
            self.assertEqual(result, (0, "", ""), transport)
            self.assertTrue(hearing.heard == [line], transport)
            url = self.serve(TalkingFactory(line, close=(1000, "")), **options)
            status, output, _ = await self.run_(
                *arguments, "--transport", transport, url, input=None
            )
            self.assertEqual(status, 0)
            self.assertTrue(output == line.decode() + "\n", transport)

    async def test_raw(self) -> None:
        """
        With ``--raw``, a WebSocket is spoken to without SockJS.
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

    async def test_proxy(self) -> None:
        """
        A proxy that is not there is told, for it is what was to be connected to; one
        that is no URL is a wrong command line.
        """
        url = self.serve(TalkingFactory())
        await self.port.stopListening()
        proxy = url.removesuffix("/service")
        await self.assertTrouble(
            1, ["--proxy", proxy, "http://service.invalid/"], "proxy", "refused"
        )
        await self.assertTrouble(2, ["--proxy", "ftp://a", url], "ftp://a")

    async def test_closedFiles(self) -> None:
        """
        Where there is no input or no output, that is told.
        """
        url = self.serve(TalkingFactory())
        for name, closed in ("stdin", "<&-"), ("stdout", ">&-"):
            command = f"{sys.executable} -m txsockjs connect {url} {closed}"
            status, _, errors = await self.run_("-c", command, program=("sh",))
            self.assertEqual(status, 1)
            said = f"txsockjs connect: {name} is closed: try /dev/null\n"
            self.assertEqual(errors, said)

    async def test_history(self) -> None:
        """
        A history that cannot be kept is told before anything begins.
        """
        url = self.serve(TalkingFactory())
        await self.assertTrouble(1, ["--history", "no/where", url], "no/where")

    async def test_certificate(self) -> None:
        """
        A certificate that nobody has vouched for is refused; with ``--insecure`` it is
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
        With ``--verbose``, what is logged is on standard error.
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

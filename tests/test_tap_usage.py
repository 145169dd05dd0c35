"""Tests for `txsockjs.tap`: what ``twistd sockjs`` tells who asks, or asks wrongly."""

from __future__ import annotations

from contextlib import redirect_stdout
from importlib.metadata import version
from io import StringIO
from itertools import pairwise

from twisted.internet.ssl import KeyPair
from twisted.python.usage import UsageError
from twisted.scripts.twistd import ServerOptions

import txsockjs
from tests.test_tap import ECHO, TapTestCase
from txsockjs.options import SockJSOptions
from txsockjs.tap import Options


class UsageErrorTests(TapTestCase):
    """
    What cannot be done is told in one line, before anything is started.
    """

    def assertUsageError(self, arguments: list[str], *words: str) -> None:
        message = str(self.assertRaises(UsageError, self.parse, *arguments))
        self.assertEqual(len(message.splitlines()), 1, message)
        # With twistd it is that line, and no page of usage.
        ended = self.assertRaises(
            SystemExit, ServerOptions().parseOptions, ["-n", "sockjs", *arguments]
        )
        expected = f"twistd sockjs: {message}\nSee 'twistd sockjs --help'."
        self.assertEqual(str(ended), expected)
        for word in words:
            self.assertIn(word, message)

    def test_unknownArgument(self) -> None:
        """
        An argument that is unknown is named.
        """
        self.assertUsageError(["--colour", "red"], "colour")
        self.assertUsageError(["red"], "'red' belongs to no option", "--service")

    def test_port(self) -> None:
        """
        A bare port is shown with the endpoint that was probably meant.
        """
        self.assertUsageError(["--listen", "8080"], "--listen 8080: ", "try tcp:8080")

    def test_serviceSyntax(self) -> None:
        """
        A service without a name, or without an object, is shown.
        """
        for wrong in ("twisted.protocols.wire.Echo", "echo=", "=os.path"):
            self.assertUsageError(["--service", wrong], wrong, "NAME=OBJECT")

    def test_serviceImport(self) -> None:
        """
        An object that cannot be had is shown with the reason.
        """
        self.assertUsageError(
            ["--service", "chat=no_such_module.Chat"],
            "--service chat=no_such_module.Chat: there is no module 'no_such_module'",
        )

    def test_serviceClash(self) -> None:
        """
        Two services cannot have one name, nor one lie under the other.
        """
        twice = ["--service", ECHO, "--service", ECHO]
        self.assertUsageError(twice, "--service echo: two services have this name")
        self.assertUsageError(["--workers=2", *twice], "two services have this name")
        self.assertUsageError(["--service", ECHO, "--service", f"echo/{ECHO}"], "echo/")
        above = ECHO.replace("echo=", "a=")
        self.assertUsageError(["--service", f"a/{ECHO}", "--service", above], "'a' is")

    def test_serviceName(self) -> None:
        """
        A name that is no path is shown.
        """
        self.assertUsageError(["--service", f"a//{ECHO}"], "a//echo")
        self.assertUsageError(["--service", "/=twisted.protocols.wire.Echo"], "empty")

    def test_optionSyntax(self) -> None:
        """
        An option without a name, or without a value, is shown.
        """
        for wrong in ("timeout", "=5", "echo:=5"):
            self.assertUsageError(["--option", wrong], wrong, "NAME=VALUE")

    def test_unknownOption(self) -> None:
        """
        An unknown option is shown with those that there are.
        """
        self.assertUsageError(["--option", "colour=red"], "'colour'", "heartbeat")
        self.assertUsageError(["--option", "echo:colour=red"], "'colour'")

    def test_badOption(self) -> None:
        """
        A value that is not allowed is shown with what is.
        """
        self.assertUsageError(["--option", "timeout=soon"], "'soon'", "seconds")

    def test_keepAlive(self) -> None:
        """
        A time that is none is shown with what would be one.
        """
        for wrong in ("0", "soon"):
            self.assertUsageError(["--keep-alive", wrong], repr(wrong), "seconds")

    def test_optionOfNoService(self) -> None:
        """
        An option for a service that is not there is shown with those that are.
        """
        self.assertUsageError(["--option", "chat:timeout=5"], "chat", "echo, broadcast")

    def test_listen(self) -> None:
        """
        An endpoint string that is wrong is shown with the reason.
        """
        self.assertUsageError(["--listen", "pigeon:8080"], "pigeon:8080", "Unknown")
        self.assertUsageError(["--listen", "tcp:http-ish"], "tcp:http-ish")
        self.assertUsageError(
            ["--listen", "ssl:8443:privateKey=missing.pem"], "missing.pem"
        )

    def test_argument(self) -> None:
        """
        An argument that an endpoint does not have is named in the endpoint's words,
        inside of another one, too.
        """
        for wrong in ("tcp:8080:prot=1", "haproxy:tcp:8080:prot=1"):
            message = f"--listen {wrong}: tcp: has no argument 'prot'"
            self.assertUsageError(["--listen", wrong], message)
        self.assertUsageError(["--listen", "unix:s:prot=1"], "unix: has no argument")

    def test_certificate(self) -> None:
        """
        Where there is no key, or no certificate, in a file, the file is named.
        """
        pair = KeyPair.generate(size=2048)
        certificate = pair.selfSignedCert(1, CN="localhost")
        self.here.child("k.pem").setContent(pair.dump(1))
        self.here.child("c.pem").setContent(certificate.dump(1))
        self.here.child("bad.pem").setContent(b"no PEM")
        for key, cert, problem in (
            ("bad.pem", "c.pem", "bad.pem: there is no private key in PEM in it"),
            ("k.pem", "bad.pem", "bad.pem: there is no certificate in PEM in it"),
            ("k.pem", "k.pem", "k.pem: there is no certificate in PEM in it"),
            ("bad.pem", "bad.pem", "bad.pem: there is no certificate in PEM in it"),
        ):
            wrong = f"ssl:8443:privateKey={key}:certKey={cert}"
            self.assertUsageError(["--listen", wrong], f"{wrong}: {problem}")

    def test_room(self) -> None:
        """
        Where no service asks for rooms, it is the option that was given that is told.
        """
        for given in (["--room", "*:history=9"], ["--rooms", "memory:"]):
            arguments = ["--service", ECHO, *given]
            self.assertUsageError(arguments, f"{given[0]}: no service asks for rooms")

    def test_health(self) -> None:
        """
        A path without its slash is shown with it.
        """
        self.assertUsageError(["--health", "health"], "try /health")

    def test_files(self) -> None:
        """
        Files and directories that are not there are named.
        """
        self.assertUsageError(["--sockjs-client", "no.js"], "no.js")
        self.assertUsageError(["--access-log", "no/a.log"], "no/a.log")
        self.assertUsageError(["--service", ECHO, "--static", "no"], "--static no")

    def test_staticWithDemo(self) -> None:
        """
        The demo has files of its own: ``--static`` does not go with it.
        """
        self.assertUsageError(["--static", "."], "--static", "demo")


class HelpTests(TapTestCase):
    """
    ``twistd sockjs --help``.
    """

    def test_complete(self) -> None:
        """
        Every argument and every option is explained, with the option's default.
        """
        usage = Options(self.reactor).getUsage(80)
        for name in ("listen", "service", "option", "static", "access-log"):
            self.assertRegex(usage, rf"--{name}= +\w")
        for name, _, meaning in SockJSOptions.fields():
            self.assertRegex(usage, rf"\n  {name}: {meaning.split()[0]}")
        self.assertIn("[default: 25.0]", " ".join(usage.split()))

    def test_width(self) -> None:
        """
        It fits the terminal.
        """
        usage = Options(self.reactor).getUsage(80)
        self.assertEqual([line for line in usage.splitlines() if len(line) > 80], [])
        docs = Options(self.reactor).docs.values()
        self.assertEqual([doc for doc in docs if "  " in doc], [])

    def test_examples(self) -> None:
        """
        The options in the examples are ones that there are.
        """
        examples = Options(self.reactor).getUsage(80).split("Examples:")[1].split()
        values = [b for a, b in pairwise(examples) if a == "--option"]
        self.assertEqual(len(values), 2)
        for value in values:
            Options(self.reactor).opt_option(value)


class VersionTests(TapTestCase):
    """
    What is running.
    """

    def test_command(self) -> None:
        """
        ``twistd sockjs --version`` tells ours, and Twisted's.
        """
        with redirect_stdout(StringIO()) as said:
            self.assertRaises(SystemExit, self.parse, "--version")
        ours, twisted = version("txsockjs"), version("Twisted")
        self.assertEqual(said.getvalue(), f"txsockjs {ours}, Twisted {twisted}\n")

    def test_module(self) -> None:
        """
        The package has its version, and no other name that it has not.
        """
        self.assertEqual(txsockjs.__version__, version("txsockjs"))
        self.assertRaises(AttributeError, getattr, txsockjs, "__author__")

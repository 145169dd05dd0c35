"""``txsockjs connect`` in a terminal."""

from __future__ import annotations

from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

from tests.support.programs.command import ROOT, CommandTestCase, TalkingFactory

#: What follows until keys are read: what is typed while a message is shown goes to the
#: terminal itself, and Ctrl-D is lost then.
PROMPT = "[^>]*>"


class TerminalTests(CommandTestCase):
    """
    ``txsockjs connect`` in a terminal.
    """

    async def test_keys(self) -> None:
        """
        A line can be edited and taken from the history; what comes in is marked; Ctrl-D
        closes the session.
        """
        factory = TalkingFactory(b"welcome")
        command = self.start("connect", self.serve(factory), terminal=True, input=None)
        await command.until("Open over websocket")
        await command.until(f"< welcome{PROMPT}")
        command.type("hxelo\x1b[Dl\x1b[H\x1b[C\x1b[3~\r")
        await command.until(f"< hello{PROMPT}")
        command.type("\x1b[A!\r")
        await command.until(f"< hello!{PROMPT}")
        command.type("\x04")
        self.assertEqual(await command.ended, 0)
        await factory.ended
        self.assertEqual(factory.heard, [b"hello", b"hello!"])

    async def test_history(self) -> None:
        """
        With ``--history``, what was typed is there the next time.
        """
        for keys in "hello\r", "\x1b[A\r":
            url = self.serve(Factory.forProtocol(Echo))
            command = self.start(
                *("connect", "--history", "history", url), terminal=True, input=None
            )
            await command.until(f"Open over{PROMPT}")
            command.type(keys)
            await command.until(f"< hello{PROMPT}")
            command.type("\x04")
            self.assertEqual(await command.ended, 0)
        self.assertEqual((self.here / "history").stat().st_mode & 0o077, 0)

    async def test_interrupt(self) -> None:
        """
        Ctrl-C closes the session, too.
        """
        factory = TalkingFactory()
        command = self.start("connect", self.serve(factory), terminal=True, input=None)
        await command.until(f"Open over{PROMPT}")
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
        await command.until(rf"< \\x1b\]0;title\\x07{PROMPT}")
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

"""The units of ``examples/deploy``, with systemd's own programs."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import signal
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.support.examples import opened
from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.processes import ROOT
from tests.support.programs.twistd import TWISTD
from tests.support.programs.watching import watch

UNITS = ROOT / "examples" / "deploy"
THEIRS = "/srv/chat/venv/bin/twistd"


class UnitTests(TestCase):
    """A service and its socket."""

    timeout = 30

    async def test_verified(self) -> None:
        """systemd finds nothing wrong with them; and it does with one that is wrong."""
        need("systemd-analyze")
        here = Path(self.mktemp()).absolute()
        here.mkdir()
        for name in "sockjs@.service", "sockjs@.socket":
            text = (UNITS / name).read_text().replace("/srv/chat/venv", "/srv/chat")
            # The program and its directory are where they are here.
            text = text.replace("/srv/chat/bin/twistd", str(TWISTD))
            (here / name).write_text(text.replace("/srv/chat", str(here)))
        unit = here / "sockjs@8081.service"
        shutil.copy(here / "sockjs@.service", unit)
        shutil.copy(here / "sockjs@.socket", here / "sockjs@8081.socket")
        self.assertEqual(await self.verify(unit), ("", 0))
        unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=mixd"))
        said, _ = await self.verify(unit)
        self.assertIn("mixd", said)

    async def verify(self, unit: Path) -> tuple[str, int]:
        """What ``systemd-analyze verify`` says of a unit, and its exit status."""
        out, err, status = await getProcessOutputAndValue(
            shutil.which("systemd-analyze") or "",
            ["verify", "--man=no", str(unit)],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{unit.parent}:"},
        )
        said = (out + err).decode()
        return "".join(
            line
            for line in said.splitlines(True)
            if str(unit.parent) in line or "sockjs@" in line
        ), status

    async def test_activated(self) -> None:
        """
        The service's command takes the port from systemd: a session works, and is
        closed in good order on the signal that systemd sends.
        """
        need("systemd-socket-activate")
        parser = configparser.RawConfigParser(strict=False)
        # An option has the case that it is written in.
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read(UNITS / "sockjs@.service")
        command = parser["Service"]["ExecStart"].replace("\\\n", " ")
        words = shlex.split(command.replace("haproxy:systemd", "systemd"))
        self.assertEqual(words[0], THEIRS)
        words[0] = str(TWISTD)
        words[-1] = "chat=twisted.protocols.wire.Echo"
        port = freePort()
        activate = shutil.which("systemd-socket-activate") or ""
        # systemd itself names each socket after its unit.
        how = ["-E", "PYTHONPATH", "--fdname=sockjs@8081.socket"]
        service = watch(self, activate, "-l", f"127.0.0.1:{port}", *how, *words)
        await service.until("Listening on")
        session = await opened(f"http://127.0.0.1:{port}/chat")
        self.assertEqual(await session.ask("hello"), 'a["hello"]')
        service.signal(signal.SIGTERM)
        self.assertEqual(await session.receive(), 'c[1012,"Service Restart"]')
        await service.ended
        self.assertIn("Main loop terminated", service.output)

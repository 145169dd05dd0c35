"""What is compared: how each is installed and started, and what it speaks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.client.session import Session
from benchmarks.client.sockets import (
    DeflateSession,
    MultiplexSession,
    RawWebSocketSession,
    RoomSession,
    SocketIOSession,
    TcpSession,
    WebSocketSession,
)
from benchmarks.client.streams import (
    EventSourceSession,
    PollingSession,
    StreamingSession,
)
from benchmarks.errors import NotInstalled

HERE = Path(__file__).resolve().parent
INSTALLED = HERE / ".peers"
SERVERS = HERE / "servers"

SOCKJS: dict[str, type[Session]] = {
    "websocket": WebSocketSession,
    "xhr": PollingSession,
    "xhr_streaming": StreamingSession,
    "eventsource": EventSourceSession,
    "room": RoomSession,
    "multiplex": MultiplexSession,
    "deflate": DeflateSession,
}
SOCKETIO: dict[str, type[Session]] = {"room": SocketIOSession}
TCP: dict[str, type[Session]] = {"websocket": TcpSession}
RAW: dict[str, type[Session]] = {"websocket": RawWebSocketSession}
POLLING: dict[str, type[Session]] = {"xhr": PollingSession}


@dataclass(frozen=True)
class Peer:
    """
    A server, or a client that is measured.

    :ivar name: as ``--peers`` takes it.
    :ivar title: as the tables print it.
    :ivar file: its program in ``benchmarks/servers``; empty if it is no server.
    :ivar client: its program in ``benchmarks/clients``; empty if it is no client.
    :ivar requirement: what it needs from PyPI or npm, with spaces between; empty: what
        we need anyhow.
    :ivar shown: the installed packages whose versions are printed.
    :ivar sessions: the kind of session that stands for each transport it speaks.
    :ivar broadcasting: the arguments that make it broadcast, where it has no path for
        that.
    :ivar plain: whether the program is the server itself, and on Twisted.
    :ivar arguments: those that it always has.
    :ivar processes: how many of it share the sessions, each with a port.
    :ivar unable: for each row that it cannot be measured with, why.
    :ivar remarks: for each row whose figure says less than it seems to, what is to be
        known.
    """

    name: str
    title: str
    file: str
    requirement: str = ""
    shown: tuple[str, ...] = ("Twisted",)
    sessions: dict[str, type[Session]] = field(default_factory=lambda: SOCKJS)
    broadcasting: tuple[str, ...] = ()
    client: str = ""
    plain: bool = True
    arguments: tuple[str, ...] = ()
    processes: int = 1
    unable: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    @property
    def profiled(self) -> bool:
        """Whether it can run under cProfile: it runs in our own environment."""
        return not self.requirement and self.plain

    def install(self) -> None:
        """
        Install what is not installed yet.

        :raise NotInstalled: a tool is missing, or says no.
        """

    def command(self) -> list[str]:
        """The command that starts it."""
        module = self.file.removesuffix(".py")
        return [sys.executable, "-m", f"benchmarks.servers.{module}", *self.arguments]

    def clientCommand(self) -> list[str]:
        """The command that starts its client."""
        module = self.client.removesuffix(".py")
        return [sys.executable, "-m", f"benchmarks.clients.{module}"]

    def environment(self) -> dict[str, str]:
        """The environment that it runs in."""
        return dict(os.environ)

    def versions(self) -> dict[str, str]:
        """The versions of what it runs on."""
        names = {name: version(name) for name in self.shown}
        return {"Python": sys.version.split()[0], **names}


class PythonPeer(Peer):
    """A server with a virtual environment of its own."""

    @property
    def _python(self) -> Path:
        return INSTALLED / self.name / "bin" / "python"

    def install(self) -> None:
        stamp = INSTALLED / self.name / "installed.txt"
        if stamp.exists() and stamp.read_text() == self.requirement:
            return
        venv.create(INSTALLED / self.name, clear=True, with_pip=True)
        needed = self.requirement.split()
        _run(str(self._python), "-m", "pip", "install", "--quiet", *needed)
        stamp.write_text(self.requirement)

    def command(self) -> list[str]:
        return [str(self._python), str(SERVERS / self.file)]

    def versions(self) -> dict[str, str]:
        code = (
            "import json, platform, sys; from importlib.metadata import version;"
            "print(json.dumps({'Python': platform.python_version(),"
            " **{name: version(name) for name in sys.argv[1:]}}))"
        )
        found: dict[str, str] = json.loads(
            _run(str(self._python), "-c", code, *self.shown)
        )
        return found


class NodePeer(Peer):
    """A server with a ``node_modules`` of its own."""

    def install(self) -> None:
        target = INSTALLED / self.name
        stamp = target / "installed.txt"
        if stamp.exists() and stamp.read_text() == self.requirement:
            return
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        quiet = ("--no-audit", "--no-fund", "--silent")
        needed = self.requirement.split()
        _run("npm", "install", *quiet, "--prefix", str(target), *needed)
        stamp.write_text(self.requirement)

    def command(self) -> list[str]:
        return ["node", str(SERVERS / self.file)]

    def environment(self) -> dict[str, str]:
        modules = INSTALLED / self.name / "node_modules"
        return {**os.environ, "NODE_PATH": str(modules)}

    def versions(self) -> dict[str, str]:
        modules = INSTALLED / self.name / "node_modules"
        found = {"Node": _run("node", "--version").strip().removeprefix("v")}
        for name in self.shown:
            package = json.loads((modules / name / "package.json").read_text())
            found[name] = package["version"]
        return found


class GoPeer(Peer):
    """A server that is built of Debian's packages of Go."""

    @property
    def _program(self) -> Path:
        return INSTALLED / self.name / "server"

    def install(self) -> None:
        source = SERVERS / self.file
        stamp = INSTALLED / self.name / "installed.go"
        if stamp.exists() and stamp.read_bytes() == source.read_bytes():
            return
        self._program.parent.mkdir(parents=True, exist_ok=True)
        _run(
            *("go", "build", "-o", str(self._program), str(source)),
            needs=f"apt-get install {self.requirement}",
            GO111MODULE="off",
            GOPATH="/usr/share/gocode",
            GOCACHE=str(INSTALLED / self.name / "cache"),
        )
        shutil.copyfile(source, stamp)

    def command(self) -> list[str]:
        return [str(self._program)]

    def versions(self) -> dict[str, str]:
        found = {"Go": _run("go", "version").split()[2].removeprefix("go")}
        for name in self.shown:
            query = ("dpkg-query", "--show", "--showformat", "${Version}", name)
            found[name] = _run(*query)
        return found


def _run(*command: str, needs: str = "", **environment: str) -> str:
    hint = f": {needs}" if needs else ""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **environment},
        )
    except FileNotFoundError:
        raise NotInstalled(f"{command[0]} is not installed here{hint}") from None
    except subprocess.CalledProcessError as error:
        said = f"{' '.join(command)}: {error.stderr}{hint}"
        raise NotInstalled(said) from None
    return done.stdout

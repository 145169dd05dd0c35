"""The servers that are compared: how each is installed and started, what it speaks."""

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
}
SOCKETIO: dict[str, type[Session]] = {"room": SocketIOSession}


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
    """

    name: str
    title: str
    file: str
    requirement: str = ""
    shown: tuple[str, ...] = ("Twisted",)
    sessions: dict[str, type[Session]] = field(default_factory=lambda: SOCKJS)
    broadcasting: tuple[str, ...] = ()
    client: str = ""

    @property
    def profiled(self) -> bool:
        """Whether it can run under cProfile: it runs in our own environment."""
        return not self.requirement

    def install(self) -> None:
        """
        Install what is not installed yet.

        :raise NotInstalled: a tool is missing, or says no.
        """

    def command(self) -> list[str]:
        """The command that starts it."""
        module = self.file.removesuffix(".py")
        return [sys.executable, "-m", f"benchmarks.servers.{module}"]

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


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise NotInstalled(f"{command[0]} is not installed here") from None
    except subprocess.CalledProcessError as error:
        raise NotInstalled(f"{' '.join(command)}: {error.stderr}") from None
    return done.stdout


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "txsockjs",
            "txsockjs",
            "txsockjs_server.py",
            shown=("Twisted", "autobahn"),
            client="txsockjs_client.py",
        ),
        Peer(
            "websockets",
            "websockets",
            "",
            shown=("websockets",),
            client="websockets_client.py",
        ),
        Peer(
            "autobahn-client",
            "Autobahn's client",
            "",
            shown=("Twisted", "autobahn"),
            client="autobahn_client.py",
        ),
        NodePeer(
            "node",
            "sockjs-node",
            "node_server.js",
            requirement="sockjs@0.3.24",
            shown=("sockjs", "faye-websocket"),
        ),
        PythonPeer(
            "aiohttp",
            "aiohttp sockjs",
            "aiohttp_server.py",
            requirement="sockjs==0.13.0",
            shown=("sockjs", "aiohttp"),
        ),
        PythonPeer(
            "tornado",
            "sockjs-tornado",
            "tornado_server.py",
            requirement="sockjs-tornado==1.0.7",
            shown=("sockjs-tornado", "tornado"),
        ),
        NodePeer(
            "socketio",
            "Socket.IO",
            "socketio_server.js",
            requirement="socket.io@4.8.4 @socket.io/redis-streams-adapter@0.3.1 "
            "redis@6.3.1",
            shown=("socket.io", "@socket.io/redis-streams-adapter"),
            sessions=SOCKETIO,
        ),
        PythonPeer(
            "python-socketio",
            "python-socketio",
            "python_socketio_server.py",
            requirement="python-socketio==5.18.1 aiohttp==3.14.3 redis==7.0.1 "
            "uvloop==0.22.1",
            shown=("python-socketio", "aiohttp", "redis", "uvloop"),
            sessions=SOCKETIO,
        ),
        Peer(
            "tcp",
            "TCP floor",
            "tcp_server.py",
            sessions={"websocket": TcpSession},
            broadcasting=("--broadcast",),
        ),
        Peer(
            "autobahn",
            "Autobahn floor",
            "autobahn_server.py",
            shown=("Twisted", "autobahn"),
            sessions={"websocket": RawWebSocketSession},
        ),
        Peer(
            "web",
            "twisted.web floor",
            "web_server.py",
            sessions={"xhr": PollingSession},
        ),
        Peer("workers", "two workers", "workers_server.py"),
        Peer("passing", "passed on by request", "passing_server.py"),
        Peer("asyncio", "txsockjs on asyncio", "asyncio_server.py"),
        Peer(
            "uvloop",
            "txsockjs on uvloop",
            "uvloop_server.py",
            shown=("Twisted", "uvloop"),
        ),
    )
}

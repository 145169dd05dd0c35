"""Redis, as a program that a test needs: `Redis`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.processes import Program, start


class Redis:
    """
    A Redis on a port of its own and on a UNIX socket, which can be ended and started
    again. It ends with the test.

    :ivar url: where it is.
    :ivar socket: the URL of its UNIX socket.
    :ivar directory: where it keeps its files.
    """

    program: Program

    def __init__(self, test: Any, *options: str, password: str = "") -> None:
        """
        :param options: arguments of ``redis-server``.
        :param password: that of the user ``default``, which the URLs then have.
        """
        need("redis-server")
        self._test = test
        self.directory = Path(test.mktemp()).absolute()
        self.directory.mkdir(parents=True)
        # Paths of sockets are limited to 107 bytes; a test's own is longer.
        self._place = Path(f"/tmp/redis-{id(self)}-{self.directory.stat().st_ino}.sock")
        self._options = (
            *("--bind", "127.0.0.1", "--dir", str(self.directory), "--save", ""),
            *("--unixsocket", str(self._place), *options),
            *(("--requirepass", password) if password else ()),
        )
        self._login = f":{password}@" if password else ""
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://{self._login}127.0.0.1:{self.port}"

    @property
    def socket(self) -> str:
        return f"unix://{self._login}{self._place}"

    async def start(self) -> Redis:
        """
        Start it, on the port that it had before.
        """
        if not self.port:
            self.port = freePort()
        self.program = await start(
            self._test,
            "Ready to accept connections",
            shutil.which("redis-server") or "",
            *("--port", str(self.port), *self._options),
        )
        return self

    async def sentinel(self, name: str) -> str:
        """
        Have a sentinel watch it.

        :param name: what the sentinel calls it.
        :return: the host and the port of the sentinel.
        """
        port = freePort()
        configuration = self.directory / "sentinel.conf"
        configuration.write_text(
            f"sentinel monitor {name} 127.0.0.1 {self.port} 1\n"
            f"sentinel down-after-milliseconds {name} 500\n"
            f"sentinel failover-timeout {name} 2000\n"
        )
        await start(
            self._test,
            r"\+monitor",
            shutil.which("redis-server") or "",
            *(str(configuration), "--sentinel", "--bind", "127.0.0.1"),
            *("--port", str(port), "--dir", str(self.directory)),
        )
        return f"127.0.0.1:{port}"

    def stop(self) -> Deferred[None]:
        """
        End it in good order.
        """
        return self.program.stop()

    def kill(self) -> Deferred[None]:
        """
        End it at once.
        """
        return self.program.kill()

    async def do(self, *command: str) -> str:
        """
        Give it a command.

        :return: what ``redis-cli`` prints.
        """
        arguments = ["-s", str(self._place), *command]
        if self._login:
            arguments[:0] = ["-a", self._login[1:-1], "--no-auth-warning"]
        return await self.run(*arguments)

    async def run(self, *arguments: str) -> str:
        """
        Run ``redis-cli``.

        :return: what it prints.
        """
        from twisted.internet.utils import getProcessOutput

        program = shutil.which("redis-cli") or ""
        output: bytes = await getProcessOutput(program, arguments, errortoo=True)
        return output.decode().rstrip("\n")

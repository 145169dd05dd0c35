"""Runs a file of `tests.support.tornado`: with sockjs-tornado, where the second
argument is ``tornado``, or else with this package, for which its import line alone is
changed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1] / "tornado"
SETTLED = "http://127.0.0.1:{}/"

#: The import line, and what becomes of it.
CHANGED = {
    "from sockjs.tornado import SockJSConnection, SockJSRouter\n": (
        "from txsockjs.connection import SockJSConnection, SockJSRouter\n"
    ),
    "from sockjs.tornado import SockJSConnection, SockJSRouter, conn, session\n": (
        "from txsockjs.connection import SockJSConnection, SockJSRouter; "
        "from txsockjs import connection as conn, connection as session\n"
    ),
}


def load(name: str, changed: bool) -> Any:
    """
    The URLs of a file.

    :param changed: whether its import line is changed.
    """
    path = HERE / name
    source = path.read_text("utf-8")
    if changed:
        [line] = [line for line in CHANGED if line in source]
        source = source.replace(line, CHANGED[line])
    names: dict[str, Any] = {"__name__": path.stem}
    exec(compile(source, str(path), "exec"), names)
    return names["urls"]


async def withTornado(name: str) -> None:
    """
    Serve it as it is.
    """
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application

    server = HTTPServer(Application(load(name, changed=False)))
    [socket] = bind_sockets(0, "127.0.0.1")
    server.add_socket(socket)
    print(SETTLED.format(socket.getsockname()[1]), flush=True)
    await asyncio.Event().wait()


async def withTwisted(reactor: Any, name: str) -> None:
    """
    Serve it with its import line changed.
    """
    from twisted.internet import defer, endpoints

    from txsockjs.connection import SockJSApplication

    site = SockJSApplication(load(name, changed=True))
    endpoint = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await endpoint.listen(site)
    print(SETTLED.format(port.getHost().port), flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    example, library = sys.argv[1:]
    if library == "tornado":
        asyncio.run(withTornado(example))
    else:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        from twisted.internet import asyncioreactor, task

        asyncioreactor.install(loop)
        task.react(withTwisted, [example])

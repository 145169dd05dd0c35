"""nginx, HAProxy, Caddy and Apache, started with the files of ``examples/deploy``."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import FailTest

from tests.support.programs.ports import freePort
from tests.support.programs.processes import ROOT, Program, start

#: What the tests put around the file for nginx, which is for the http context.
NGINX_MAIN = """
pid nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    include {site};
}}
"""


def shipped(test: Any, name: str, *changes: tuple[str, str]) -> Path:
    """A copy of a file of ``examples/deploy``, with other ports."""
    text = (ROOT / "examples" / "deploy" / name).read_text()
    for old, new in changes:
        test.assertEqual(text.count(old), 1, f"{old!r} in {name}")
        text = text.replace(old, new)
    path = Path(test.mktemp()).absolute()
    path.write_text(text)
    return path


async def untilListening(program: Program, port: int) -> None:
    """Wait until a program listens on a loopback port."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    while True:
        try:
            connection = await connectProtocol(endpoint, Protocol())
        except ConnectionRefusedError:
            if program.transport.pid is None:
                raise FailTest(program.output) from None
            await deferLater(reactor, 0.02)
        else:
            connection.transport.abortConnection()
            return


#: The lines of the file for nginx that name the servers.
NGINX_SERVERS = """\
    server 127.0.0.1:8081 max_fails=0;
    server 127.0.0.1:8082 max_fails=0;
"""


async def startNginx(
    test: Any,
    servers: Sequence[int],
    listen: str = "listen 127.0.0.1:{port};",
    buffering: str = "proxy_buffering off;",
) -> int:
    """
    Start nginx for a test.

    :param servers: the ports of the servers behind it.
    :param listen: what takes the place of the file's ``listen``.
    :param buffering: what takes the place of its ``proxy_buffering``.
    :return: the port that it listens on.
    """
    port = freePort()
    lines = [f"    server 127.0.0.1:{server} max_fails=0;\n" for server in servers]
    site = shipped(
        test,
        "nginx-site.conf",
        ("listen 80;", listen.format(port=port)),
        (NGINX_SERVERS, "".join(lines)),
        ("proxy_buffering off;", buffering),
    )
    root = Path(test.mktemp()).absolute()
    (root / "tmp").mkdir(parents=True)
    main = root / "nginx.conf"
    main.write_text(NGINX_MAIN.format(site=site))
    command = ("nginx", "-p", str(root), "-c", str(main), "-e", "stderr")
    await start(test, "start worker process ", *command, "-g", "daemon off;")
    return port


#: The lines of the file for HAProxy that name the servers.
HAPROXY_SERVERS = """\
    server one 127.0.0.1:8081
    server two 127.0.0.1:8082
"""


async def startHAProxy(
    test: Any, servers: Sequence[int], listen: str = "bind 127.0.0.1:{port}"
) -> int:
    """
    Start HAProxy for a test.

    :param servers: the ports of the servers behind it.
    :param listen: what takes the place of the file's ``bind``.
    :return: the port that it listens on.
    """
    port, _ = await runHAProxy(test, servers, listen)
    return port


async def runHAProxy(
    test: Any, servers: Sequence[int], listen: str = "bind 127.0.0.1:{port}"
) -> tuple[int, Program]:
    """
    Start HAProxy for a test that listens to what it says, as of servers that are down.
    It looks at them more often than the file says.

    :param servers: as for `startHAProxy`.
    :param listen: as there.
    :return: the port that it listens on, and the program.
    """
    port = freePort()
    lines = [
        f"    server s{number} 127.0.0.1:{server}\n"
        for number, server in enumerate(servers)
    ]
    config = shipped(
        test,
        "haproxy.cfg",
        ("bind :80", listen.format(port=port)),
        (HAPROXY_SERVERS, "".join(lines)),
        ("check inter 2s", "check inter 200ms"),
    )
    # What it says last comes before it listens.
    last = "as the polling mechanism"
    program = await start(test, last, "haproxy", "-db", "-V", "-f", str(config))
    await untilListening(program, port)
    return port, program


#: What the tests put before the file for Caddy.
CADDY_MAIN = """\
{{
    admin off
    auto_https disable_redirects
    storage file_system {root}
}}
"""


async def startCaddy(test: Any, servers: Sequence[int], listen: str = ":{port}") -> int:
    """
    Start Caddy for a test. It looks at the servers more often than the file says.

    :param servers: the ports of the servers behind it.
    :param listen: what takes the place of the file's address.
    :return: the port that it listens on.
    """
    port = freePort()
    places = " ".join(f"127.0.0.1:{server}" for server in servers)
    site = shipped(
        test,
        "Caddyfile",
        (":80 {", f"{listen.format(port=port)} {{\n\tbind 127.0.0.1"),
        ("127.0.0.1:8081 127.0.0.1:8082 {", f"{places} {{"),
        ("health_interval 2s", "health_interval 200ms"),
    )
    root = Path(test.mktemp()).absolute()
    root.mkdir()
    config = root / "Caddyfile"
    # Port 2019 and the directory of the user are not the test's.
    config.write_text(CADDY_MAIN.format(root=root) + site.read_text())
    command = ("caddy", "run", "--adapter", "caddyfile", "--config", str(config))
    program = await start(test, "serving initial configuration", *command)
    await untilListening(program, port)
    return port


def killAll(program: Program) -> Deferred[None]:
    """End a program at once, and the children that would take their time."""
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text()
    ended = program.kill()
    for child in children.split():
        os.kill(int(child), signal.SIGKILL)
    return ended


#: What the tests put around the file for Apache, with the modules that it tells of.
APACHE_MAIN = """
ServerRoot {root}
ServerName localhost
PidFile apache.pid
DefaultRuntimeDir {root}
Mutex file:{root}
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
{modules}
Include {site}
"""
APACHE_MODULES = (
    "mpm_event authz_core setenvif env proxy proxy_http proxy_balancer slotmem_shm "
    "lbmethod_byrequests rewrite"
)
APACHE_DIRECTORY = "/usr/lib/apache2/modules"


async def startApache(
    test: Any, servers: Sequence[int], listen: str = "<VirtualHost *:{port}>"
) -> int:
    """
    Start Apache httpd for a test.

    :param servers: the ports of the two servers behind it.
    :param listen: what takes the place of the file's ``VirtualHost``.
    :return: the port that it listens on.
    """
    port = freePort()
    site = shipped(
        test, "apache-site.conf", ("<VirtualHost *:80>", listen.format(port=port))
    )
    text = site.read_text()
    for number, server in zip((8081, 8082), servers, strict=True):
        text = text.replace(
            f"http://127.0.0.1:{number} ", f"http://127.0.0.1:{server} "
        )
    site.write_text(text)
    root = Path(test.mktemp()).absolute()
    root.mkdir()
    modules = "\n".join(
        f"LoadModule {name}_module {APACHE_DIRECTORY}/mod_{name}.so"
        for name in APACHE_MODULES.split()
    )
    main = root / "apache2.conf"
    main.write_text(
        APACHE_MAIN.format(root=root, port=port, modules=modules, site=site)
    )
    command = ("apache2", "-DFOREGROUND", "-f", str(main))
    program = await start(test, "resuming normal operations", *command)
    test.addCleanup(killAll, program)
    await untilListening(program, port)
    return port

"""Servers of several processes, as ``twistd sockjs`` starts them, for real clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.support.programs.ports import freePort
from tests.support.programs.processes import Program, start
from tests.support.programs.proxies import NGINX_MAIN, untilListening
from tests.support.programs.redis import Redis
from tests.support.programs.servers import CLIENT, TESTS
from tests.support.programs.twistd import TWISTD

SERVERS = "tests.support.programs.servers"

#: The services of `Server <tests.support.programs.servers.Server>`, as far as they are
#: for any process, and the page and the client under ``/page/``.
SERVICES = (
    *("--service", "echo=tests.conformance.server.TextEcho"),
    *("--service", "cookie_needed_echo=twisted.protocols.wire.Echo"),
    *("--service", "disabled_websocket_echo=twisted.protocols.wire.Echo"),
    *("--service", "remember=twisted.protocols.wire.Echo"),
    *("--service", f"amplify={SERVERS}.Amplify"),
    *("--service", f"close={SERVERS}.Close"),
    *("--service", f"close_as_asked={SERVERS}.CloseAsAsked"),
    *("--service", f"describe={SERVERS}.Describe"),
    *("--option", "sockjs_url=/page/sockjs.min.js"),
    *("--option", "echo:streaming_limit=4096", "--option", "echo:heartbeat=5"),
    *("--option", "cookie_needed_echo:cookie_needed=true"),
    *("--option", "describe:cookie_needed=true"),
    *("--option", "disabled_websocket_echo:websocket=false"),
)

#: Round robin, and nothing that holds a session to a process.
NGINX_SITE = """
map $http_upgrade $sockjs_connection {{ default upgrade; "" ""; }}
upstream sockjs {{ {servers} keepalive 64; }}
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://sockjs;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $sockjs_connection;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_buffering off;
        gzip off;
        client_max_body_size 1m;
        client_body_buffer_size 1m;
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    option http-no-delay
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend web
    bind 127.0.0.1:{port}
    default_backend sockjs
backend sockjs
    balance roundrobin
{servers}
"""


def pages(test: Any) -> Path:
    """
    A directory with the test page and the client.
    """
    root = Path(test.mktemp()).absolute()
    page = root / "page"
    page.mkdir(parents=True)
    for path in (TESTS / "js").iterdir():
        (page / path.name).symlink_to(path)
    (page / CLIENT.name).symlink_to(CLIENT)
    return root


def secretFile(test: Any) -> str:
    """
    A file with a secret.
    """
    path = Path(test.mktemp()).absolute()
    path.touch(mode=0o600)
    path.write_text("correct horse battery staple\n")
    return str(path)


async def startWorkers(test: Any, number: int, *arguments: str) -> tuple[Program, str]:
    """
    Start ``twistd sockjs --workers``.

    :return: it, and its URL.
    """
    server = await start(
        test,
        r"workers are ready",
        *(str(TWISTD), "-n", "--pidfile=", "sockjs", "--workers", str(number)),
        *("--listen", "tcp:0:interface=127.0.0.1", *SERVICES),
        *("--static", str(pages(test)), *arguments),
    )
    found = await server.until(r" at (http://127\.0\.0\.1:\d+)/")
    return server, found[1]


async def startMachines(
    test: Any, number: int, *arguments: str, proxied: bool = False
) -> tuple[Redis, list[Program], list[int]]:
    """
    Start a Redis, and some processes that find each other there.

    :param proxied: whether they speak the PROXY protocol with their clients.
    :return: it, they, and their ports.
    """
    redis = await Redis(test).start()
    ports = [freePort() for _ in range(number)]
    kind = "haproxy:tcp" if proxied else "tcp"
    common = (
        *("--cluster", redis.url, "--cluster-secret", secretFile(test)),
        *("--static", str(pages(test)), *SERVICES, *arguments),
    )
    starting = [
        start(
            test,
            "Redis at .* is there",
            *(str(TWISTD), "-n", "--pidfile=", "sockjs"),
            *("--listen", f"{kind}:{port}:interface=127.0.0.1", *common),
        )
        for port in ports
    ]
    programs = await gatherResults(map(Deferred.fromCoroutine, starting))
    return redis, programs, ports


async def balanceByNginx(test: Any, ports: Sequence[int]) -> str:
    """
    Start nginx before some ports, to which it goes in turn.

    :return: its URL.
    """
    port = freePort()
    root = Path(test.mktemp()).absolute()
    (root / "tmp").mkdir(parents=True)
    servers = " ".join(f"server 127.0.0.1:{each};" for each in ports)
    site = root / "site.conf"
    site.write_text(NGINX_SITE.format(port=port, servers=servers))
    main = root / "nginx.conf"
    main.write_text(NGINX_MAIN.format(site=site))
    command = ("nginx", "-p", str(root), "-c", str(main), "-e", "stderr")
    await start(test, "start worker process ", *command, "-g", "daemon off;")
    return f"http://127.0.0.1:{port}"


async def balanceByHAProxy(test: Any, ports: Sequence[int]) -> str:
    """
    The same with HAProxy.
    """
    port = freePort()
    config = Path(test.mktemp()).absolute()
    servers = "".join(
        f"    server s{each} 127.0.0.1:{each} send-proxy-v2\n" for each in ports
    )
    config.write_text(HAPROXY.format(port=port, servers=servers))
    last = "as the polling mechanism"
    program = await start(test, last, "haproxy", "-db", "-V", "-f", str(config))
    await untilListening(program, port)
    return f"http://127.0.0.1:{port}"

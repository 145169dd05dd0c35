"""What ``docs/deploy.rst`` shows works."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.ssl import PrivateCertificate, trustRootFromCertificates
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS

from tests.support.documents import blocks, commands
from tests.support.examples import ExampleTestCase, get, opened
from tests.support.programs.certificates import makeCertificate
from tests.support.programs.node import need
from tests.support.programs.proxies import (
    startApache,
    startCaddy,
    startHAProxy,
    startNginx,
)

DOCUMENT = "docs/deploy.rst"
WELCOME = "Welcome to SockJS!\n"


class Deployment:
    """What is shown for each proxy; a subclass names one."""

    document = DOCUMENT
    program: str
    startProxy: Callable[..., Awaitable[int]]
    #: Which of the document's command lines are for the processes behind it.
    processes: slice

    def setUp(self: Any) -> None:
        need(self.program)
        super().setUp()
        [chat] = (b for b in blocks("README.rst", "python") if b.name == "chat")
        self.module(chat, "myapp/chat.py")
        behind = [
            arguments
            for arguments in commands(DOCUMENT, "twistd")
            if "--workers" not in " ".join(arguments)
        ]
        self.services = [self.twistd(arguments) for arguments in behind[self.processes]]

    def ports(self: Any) -> Sequence[int]:
        """Where the processes listen that were to listen on these ports."""
        self.assertEqual(set(self._ports), {8081, 8082})
        return [self._ports[port].getHost().port for port in (8081, 8082)]

    async def test_commands(self: Any) -> None:
        """The processes and the file go together."""
        port = await self.startProxy(self.ports())
        chat = f"http://127.0.0.1:{port}/chat"
        self.assertEqual(await get(chat), WELCOME)
        for _ in range(4):
            session = await opened(chat)
            self.assertIn("hello", await session.ask("hello"))


class Secured(Deployment):
    """What is shown for those that have lines for TLS."""

    async def test_tls(self: Any) -> None:
        """With the lines for TLS in their place, the proxy serves over TLS."""
        certificate = makeCertificate()
        name, files = f"{self.program}-tls", str(self.keep(certificate))
        [listen] = [b.text for b in blocks(DOCUMENT, "text") if b.name == name]
        listen = re.sub(r" :?443 ", " 127.0.0.1:{port} ", listen)
        listen = listen.replace("/etc/ssl/example.com", files)
        port = await self.startProxy(self.ports(), listen)
        trust = trustRootFromCertificates([certificate])
        agent = Agent(reactor, BrowserLikePolicyForHTTPS(trust))
        response = await HTTPClient(agent).get(f"https://127.0.0.1:{port}/chat")
        self.assertEqual(await response.text(), WELCOME)

    def keep(self: Any, certificate: PrivateCertificate) -> Path:
        """A directory with the files that the lines for TLS name."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        chain, key = certificate.dumpPEM(), certificate.privateKey.dump(1)
        (directory / "fullchain.pem").write_bytes(chain)
        (directory / "key.pem").write_bytes(key)
        (directory / "haproxy.pem").write_bytes(chain + key)
        return directory


class NginxTests(Secured, ExampleTestCase):
    """The part on nginx."""

    program = "nginx"
    startProxy = startNginx
    processes = slice(0, 2)


class HAProxyTests(Secured, ExampleTestCase):
    """The part on HAProxy."""

    program = "haproxy"
    startProxy = startHAProxy
    processes = slice(2, 4)


class CaddyTests(Deployment, ExampleTestCase):
    """The part on Caddy, whose processes are those for nginx."""

    program = "caddy"
    startProxy = startCaddy
    processes = slice(0, 2)


class ApacheTests(Deployment, ExampleTestCase):
    """The part on Apache, whose processes are those for nginx."""

    program = "apache2"
    startProxy = startApache
    processes = slice(0, 2)

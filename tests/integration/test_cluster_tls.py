"""Processes that pass requests on to each other over TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.ssl import trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from tests.support.programs.certificates import makeCertificate
from tests.support.programs.ports import freePort
from tests.support.programs.redis import Redis
from txsockjs.cluster.machines import RedisCluster
from txsockjs.factory import SockJSFactory

SECRET = b"correct horse battery staple"


class TLSTests(TestCase):
    """
    Two sites of this process, each with a cluster.
    """

    timeout = 30

    async def setUp(self) -> None:
        self.redis = await Redis(self).start()
        self.certificate = makeCertificate()
        path = Path(self.mktemp()).absolute()
        path.write_bytes(self.certificate.dumpPEM() + self._key())
        self.pem = path
        self.http = HTTPClient(
            Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
        )

    def _key(self) -> bytes:
        key: bytes = self.certificate.privateKey.dump(1)
        return key

    async def serve(self, trust: Any) -> str:
        """
        Serve a site, until the test ends.

        :return: its URL.
        """
        port = freePort()
        listen = f"ssl:{port}:interface=127.0.0.1:privateKey={self.pem}"
        cluster = RedisCluster(
            reactor,
            self.redis.url,
            SECRET,
            listen=listen,
            address=f"tls:127.0.0.1:{port}",
            trust=trust,
        )
        site = SockJSFactory(Echo, cluster=cluster)
        listening = reactor.listenTCP(0, site, interface="127.0.0.1")

        async def stop() -> None:
            await site.closeSessions()
            await site.leaveCluster()
            await listening.stopListening()

        self.addCleanup(stop)
        while not cluster.isUp():
            await deferLater(reactor, 0.01)
        return f"http://127.0.0.1:{listening.getHost().port}"

    async def both(self, trust: Any) -> list[tuple[int, bytes]]:
        """
        What two processes answer to a poll each, for one session.
        """
        answers = []
        for _ in range(2):
            url = await self.serve(trust)
            response = await self.http.post(f"{url}/0/one/xhr")
            answers.append((response.code, await response.content()))
            sent = await self.http.post(f"{url}/0/one/xhr_send", data=b'["x"]')
            answers.append((sent.code, b""))
        return answers

    async def test_trusted(self) -> None:
        """
        With a certificate that they trust, requests are passed on.
        """
        trust = trustRootFromCertificates([self.certificate])
        opened, sent, polled, again = await self.both(trust)
        self.assertEqual((opened, polled), ((200, b"o\n"), (200, b'a["x"]\n')))
        self.assertEqual((sent[0], again[0]), (204, 204))

    async def test_strange(self) -> None:
        """
        With one that they do not, nothing is: the other end may be anybody.
        """
        other = trustRootFromCertificates([makeCertificate()])
        opened, _, polled, again = await self.both(other)
        self.assertEqual(opened, (200, b"o\n"))
        self.assertIn(polled[0], (404, 503))
        self.assertIn(again[0], (404, 503))

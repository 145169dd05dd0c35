"""What one machine signs, another one takes once."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.cluster.machines import MachinesCase
from txsockjs.cluster.passed import readPassed
from txsockjs.cluster.signing import SKEW, WINDOW, _Sender, readSecret
from txsockjs.testing import MemoryConnection, MemoryResponse


class PassedOnTests(MachinesCase):
    """
    A request, as it goes from one machine to another.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(2)
        self.path = "/0/one/xhr_send"
        self.near, self.far = self.workers
        self.at(self.far).request("POST", "/0/one/xhr")
        self.passed: list[bytes] = []
        site = self.ports.sites["machine1:7000"]
        build = site.site.buildProtocol

        def watch(addr: object) -> object:
            protocol = build(addr)
            receive = protocol.channel.dataReceived

            def dataReceived(data: bytes) -> None:
                self.passed.append(data)
                receive(data)

            protocol.channel.dataReceived = dataReceived
            return protocol

        site.site.buildProtocol = watch
        sent = self.at(self.near).request(
            "POST", self.path, {"Cookie": "a=1"}, b'["x"]'
        )
        self.assertEqual(sent.status, 204)
        [self.request] = self.passed

    def send(self, data: bytes) -> int:
        """
        Send bytes to where the peers of a machine come in.

        :return: the status of the answer.
        """
        connection = MemoryConnection(self.reactor)
        connection.response = MemoryResponse("POST", connection)
        self.ports.sites["machine1:7000"].connect(connection)
        connection.send(data)
        return connection.response.status

    def received(self) -> list[bytes]:
        [session] = self.far.sessions
        received: list[bytes] = session.received
        return received

    def test_once(self) -> None:
        """
        What was taken is not taken again.
        """
        self.assertEqual(self.send(self.request), 401)
        self.assertEqual(self.received(), [b"x"])

    def test_changed(self) -> None:
        """
        Nor is what somebody has changed on its way: any of it.
        """
        for old, new in (
            (b'["x"]', b'["y"]'),
            (b"/0/one", b"/0/two"),
            (b"POST", b"GET"),
            (b"a=1", b"a=2"),
            (b"192.0.2.7", b"192.0.2.8"),
            (b"Cookie: a=1\r\n", b""),
            (b"Host:", b"X-Host: a\r\nHost:"),
        ):
            self.assertIn(old, self.request)
            changed = self.request.replace(old, new, 1)
            self.assertEqual(self.send(changed), 401, new)
        self.assertEqual(self.received(), [b"x"])

    def test_unsigned(self) -> None:
        """
        Nor is what is not signed.
        """
        start, _, rest = self.request.partition(b"Sockjs-Signature")
        _, _, rest = rest.partition(b"\r\n")
        self.assertEqual(self.send(start + rest), 401)
        garbled = self.request.replace(b"Sockjs-Signature: ", b"Sockjs-Signature: x ")
        self.assertEqual(self.send(garbled), 401)

    def test_forged(self) -> None:
        """
        Nothing is remembered of what is not signed.
        """
        known = readPassed.cache_info().currsize
        forged = self.request.replace(b"192.0.2.7", b"192.0.2.9")
        self.assertEqual(self.send(forged), 401)
        self.assertEqual(readPassed.cache_info().currsize, known)

    def test_connection(self) -> None:
        """
        What is about the client's connection is not passed on. (RFC 9110, section
        7.6.1)
        """
        names = [
            "Connection",
            "Keep-Alive",
            "Proxy-Connection",
            "TE",
            "Trailer",
            "Upgrade",
        ]
        headers = dict.fromkeys(names, "other") | {"X-Own": "own"}
        sent = self.at(self.near).request("POST", self.path, headers, b'["x"]')
        self.assertEqual(sent.status, 204)
        passed = [line.partition(b":")[0] for line in self.passed[-1].split(b"\r\n")]
        self.assertIn(b"X-Own", passed)
        for name in names:
            self.assertNotIn(name.encode("ascii"), passed)

    def test_elsewhere(self) -> None:
        """
        Nor is what is for another process.
        """
        connection = MemoryConnection(self.reactor)
        connection.response = MemoryResponse("POST", connection)
        self.ports.sites["machine0:7000"].connect(connection)
        connection.send(self.request)
        self.assertEqual(connection.response.status, 401)

    def test_late(self) -> None:
        """
        Nor is what was kept back for too long.
        """
        body = b'["z"]'
        self.far.cluster._checker._senders.clear()
        self.reactor.advance(SKEW + 1)
        warned = len(self.far.cluster.warnings)
        self.assertEqual(self.send(self.request), 401)
        self.assertIn("clocks", self.far.cluster.warnings[warned])
        sent = self.at(self.near).request("POST", self.path, body=body)
        self.assertEqual(sent.status, 404)

    def test_told(self) -> None:
        """
        The log is told of it, once a minute, with who it was and how many.
        """
        for _ in range(5):
            self.send(self.request)
        [warning] = self.far.cluster.warnings
        self.assertIn("it has come before", warning)
        self.reactor.advance(61)
        self.send(self.request)
        self.assertEqual(len(self.far.cluster.warnings), 2)


class SecretTests(MachinesCase):
    """
    Processes that have different secrets.
    """

    def test_different(self) -> None:
        """
        What one passes on the other does not take; a client is told 503.
        """
        self.begin(1)
        self.begin(1, secret=b"fedcba9876543210", first=1)
        near, far = self.workers
        self.at(far).request("POST", "/0/one/xhr")
        response = self.at(near).request("POST", "/0/one/xhr")
        self.assertEqual(response.status, 503)
        self.assertEqual(near.cluster.counters.refused, {"PeerUnavailable": 1})
        self.assertIn("not of this cluster's secret", far.cluster.warnings[0])


class SenderTests(SynchronousTestCase):
    """
    How often a request is taken.
    """

    def test_order(self) -> None:
        """
        Once, in any order; what comes very late is not taken, and what is remembered
        has a bound.
        """
        sender = _Sender()
        self.assertTrue(all(sender.isNew(number) for number in (2, 1, 4)))
        self.assertFalse(any(sender.isNew(number) for number in (1, 2, 4)))
        self.assertTrue(sender.isNew(3))
        for number in range(5, 5 * WINDOW):
            self.assertTrue(sender.isNew(number))
            self.assertLessEqual(len(sender._seen), 2 * WINDOW)
        self.assertFalse(sender.isNew(5))


class FileTests(SynchronousTestCase):
    """
    The file with the secret.
    """

    def write(self, text: str, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def test_read(self) -> None:
        """
        It is what is in the file, without the end of the line.
        """
        self.assertEqual(
            readSecret(self.write("0123456789abcdef\n")), b"0123456789abcdef"
        )

    def test_bad(self) -> None:
        """
        What cannot be one is refused, with what to do.
        """
        for path, words in (
            (self.write("short"), "openssl rand"),
            (self.write("0123456789abcdef", 0o644), "chmod 600"),
            (os.devnull + "/none", "Not a directory"),
        ):
            error = self.assertRaises(ValueError, readSecret, path)
            self.assertIn(words, str(error))

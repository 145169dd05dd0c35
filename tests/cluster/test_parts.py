"""Tests of what the parent of workers is made of."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txsockjs.cluster import cpus
from txsockjs.cluster.cpus import usableCPUs
from txsockjs.cluster.holding import Held, SocketHolder, inheritance
from txsockjs.cluster.logs import MAX_EVENT, EventReader, EventWriter, Lines


class CPUTests(SynchronousTestCase):
    """
    ``--workers auto``.
    """

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.patch(cpus, "_allowed", lambda: 8)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def test_none(self) -> None:
        """
        Without control groups it is those that the process may run on.
        """
        self.assertEqual(usableCPUs(self.root), 8)

    def test_second(self) -> None:
        """
        A quota of cgroup v2 counts, also that of a group above; part of a processor
        counts as one.
        """
        self.write("proc/self/cgroup", "0::/a/b\n")
        self.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n")
        self.assertEqual(usableCPUs(self.root), 8)
        self.write("sys/fs/cgroup/a/cpu.max", "250000 100000\n")
        self.assertEqual(usableCPUs(self.root), 3)
        self.write("sys/fs/cgroup/a/b/cpu.max", "10000 100000\n")
        self.assertEqual(usableCPUs(self.root), 1)

    def test_first(self) -> None:
        """
        So does one of v1, where -1 is none.
        """
        self.write("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x\n")
        self.write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n")
        self.write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n")
        self.assertEqual(usableCPUs(self.root), 8)
        self.write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "200000\n")
        self.assertEqual(usableCPUs(self.root), 2)

    def test_here(self) -> None:
        """
        On this machine it is at least one, and no more than there are.
        """
        self.assertTrue(1 <= usableCPUs() <= 8)


class HoldingTests(TestCase):
    """
    What the parent makes for each endpoint.
    """

    def hold(self, *descriptions: str, slots: int = 3) -> SocketHolder:
        holder = SocketHolder(reactor, slots)
        for description in descriptions:
            endpoint = serverFromString(holder, description)
            port: Any = self.successResultOf(
                endpoint.listen(Factory.forProtocol(Protocol))
            )
            self.addCleanup(port.stopListening)
            self.address = port.getHost()
        return holder

    def test_tcp(self) -> None:
        """
        Each slot has a socket of its own at one address; none of them accepts, and
        those of the other slots take nothing of what has come for one.
        """
        [held] = self.hold("tcp:0:interface=127.0.0.1").held
        self.assertEqual(len(set(held.descriptors)), 3)
        names = set()
        for descriptor in held.descriptors:
            with socket.socket(fileno=os.dup(descriptor)) as listening:
                names.add(listening.getsockname())
        self.assertEqual(names, {("127.0.0.1", self.address.port)})
        with socket.create_connection(("127.0.0.1", self.address.port)):
            pass

    def test_inUse(self) -> None:
        """
        Another server's port is not shared with it, though it would let us.
        """
        self.hold("tcp:0:interface=127.0.0.1")
        with self.assertRaises(CannotListenError) as raised:
            SocketHolder(reactor, 2).listenTCP(
                self.address.port, Factory(), interface="127.0.0.1"
            )
        self.assertIn(str(self.address.port), str(raised.exception))

    def test_wrapped(self) -> None:
        """
        What wraps an endpoint needs not be known; a UNIX socket is one for all.
        """
        path = os.path.join(os.path.relpath(self.mktemp()))
        holder = self.hold(
            "haproxy:tcp:0:interface=127.0.0.1", f"unix:{path}:lockfile=0"
        )
        tcp, unix = holder.held
        self.assertEqual(tcp.key, "tcp 0 127.0.0.1")
        self.assertEqual(len(set(unix.descriptors)), 1)
        self.assertTrue(os.path.exists(path))

    def test_port(self) -> None:
        """
        A port that there is not is refused, not replaced by another one.
        """
        holder = SocketHolder(MemoryReactorClock(), 2)
        self.assertRaises(CannotListenError, holder.listenTCP, 99999, Factory())
        self.assertEqual(holder.held, [])

    def test_inheritance(self) -> None:
        """
        What systemd has opened keeps its number in a worker; all else has numbers that
        are free.
        """
        held = [
            Held("tcp 80 ", socket.AF_INET, (11, 12)),
            Held("adopted 5", socket.AF_INET, (13, 13)),
            Held("unix /x", socket.AF_UNIX, (14, 14)),
        ]
        found = inheritance(held)
        self.assertEqual(found.descriptors, {6: 11, 7: 12, 5: 13, 8: 14})
        self.assertEqual(
            [numbers for _, _, numbers in found.held], [[6, 7], [5, 5], [8, 8]]
        )
        self.assertEqual(found.free, 9)


class LogTests(SynchronousTestCase):
    """
    A worker's events, in its parent's log.
    """

    def setUp(self) -> None:
        self.events: list[Any] = []
        self.reader = EventReader("1", self.events.append)

    def send(self, log: Any, pieces: int = 7) -> Any:
        """
        An event on its way through a pipe, in small pieces.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        log(Logger(namespace="txsockjs.x", observer=EventWriter(writing)))
        os.close(writing)
        while data := os.read(reading, pieces):
            self.reader.feed(data)
        return self.events[-1]

    def test_fields(self) -> None:
        """
        It keeps its level, namespace, text and fields, and has the worker's name.
        """
        event = self.send(
            lambda log: log.warn("{n} things of {who}", n=3, who="ü\ud800")
        )
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertEqual(event["log_namespace"], "txsockjs.x")
        self.assertEqual((event["n"], event["worker"]), (3, "1"))
        self.assertEqual(formatEvent(event), "3 things of ü\ud800")
        self.assertEqual(event["log_system"], "worker 1 txsockjs.x#warn")

    def test_failure(self) -> None:
        """
        A failure keeps its traceback.
        """
        event = self.send(lambda log: log.failure("wrong", Failure(ValueError("x"))))
        self.assertIn("ValueError: x", event["log_failure"].getTraceback())

    def test_garbage(self) -> None:
        """
        What is no event is logged as text; a line without an end is bounded.
        """
        self.reader.feed(b"no JSON\n[]\n" + b"x" * (MAX_EVENT + 1))
        self.assertEqual(
            [formatEvent(each)[:7] for each in self.events],
            ["no JSON", "[]", "xxxxxxx"],
        )

    def test_closed(self) -> None:
        """
        Where nobody reads, writing is no error.
        """
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        Logger(observer=EventWriter(writing)).info("x")

    def test_lines(self) -> None:
        """
        What a worker writes comes line by line, bounded; the last one is remembered.
        """
        said: list[str] = []
        lines = Lines(said.append, 10)
        for data in b"one\ntw", b"o\n\n", b"x" * 30, b"\nend":
            lines.feed(data)
        lines.end()
        self.assertEqual(said, ["one", "two", "x" * 10, "end"])
        self.assertEqual(lines.last, "end")

"""One row with one server: the figures of one round."""

from __future__ import annotations

import gc
import resource
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks.client.burst import Burst
from benchmarks.client.connection import Target
from benchmarks.client.drivers import Idle
from benchmarks.client.loop import Loop
from benchmarks.client.session import Plan
from benchmarks.errors import BenchmarkError
from benchmarks.peers import PEERS, Peer
from benchmarks.processes import RedisProcess, ServerProcess, runClient
from benchmarks.rows import Row

#: Descriptors that the client needs beside one for each connection.
SPARE = 100


@dataclass(frozen=True)
class Effort:
    """
    How much a round does.

    :ivar warmUp: seconds under load before the clock runs.
    :ivar seconds: seconds that are measured.
    :ivar divisor: the sessions of a row are divided by this.
    """

    warmUp: float = 1.0
    seconds: float = 2.0
    divisor: int = 1

    def sessions(self, row: Row) -> dict[str, int]:
        """How many sessions of each transport the row has with this effort."""
        return {
            transport: max(min(2, number), number // self.divisor)
            for transport, number in row.transports.items()
        }


QUICK = Effort(warmUp=0.05, seconds=0.2, divisor=50)


@dataclass(frozen=True)
class Result:
    """
    What one round gave.

    :ivar cpu: the CPU time of what is measured, user and system, for each message (or
        delivery, or session), in microseconds.
    :ivar client: that of the other side, likewise.
    :ivar rate: messages (or deliveries, or sessions) per second; 0 where idle.
    :ivar p50: the median latency, in milliseconds; 0 where idle.
    :ivar p99: the latency that one in a hundred exceeds.
    :ivar memory: what one idle session adds to the memory of what is measured, in
        bytes.
    :ivar count: of messages, deliveries or sessions.
    """

    cpu: float
    client: float
    rate: float
    p50: float
    p99: float
    memory: float
    count: int


def raiseLimit(sessions: int) -> None:
    """
    Let this process and the servers open as many descriptors as they may.

    :raise BenchmarkError: that is not enough for ``sessions``.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < sessions + SPARE:
        raise BenchmarkError(f"{sessions} sessions, but only {hard} descriptors")


@contextmanager
def quietCollector() -> Iterator[None]:
    """Keep the client's garbage collector out of the latencies."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def measure(
    row: Row,
    peer: Peer,
    effort: Effort,
    directory: Path,
    arguments: Sequence[str] = (),
) -> Result:
    """
    Start the server, load it, end it.

    :param directory: where a certificate may be put.
    :param arguments: more for the server's command line.
    :raise BenchmarkError: an answer was wrong or missing, or the server failed.
    """
    sessions = effort.sessions(row)
    raiseLimit(sum(sessions.values()) * 2)
    if row.measuresClients:
        return measureClient(row, peer, effort, arguments)
    arguments = list(arguments)
    context = None
    if row.tls:
        authority = trustme.CA()
        pem = directory / "server.pem"
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(pem))
        arguments += ["--tls", str(pem)]
        context = ssl.create_default_context()
        authority.configure_trust(context)
    if row.service == "/broadcast":
        arguments += peer.broadcasting
    with ExitStack() as stack:
        if row.processes:
            redis = stack.enter_context(RedisProcess(directory))
            arguments += ["--redis", redis.url]
        servers = Servers(
            stack.enter_context(ServerProcess(peer, arguments))
            for _ in range(row.processes or 1)
        )
        return load(row, peer, effort, servers, context)


def measureClient(
    row: Row, peer: Peer, effort: Effort, arguments: Sequence[str] = ()
) -> Result:
    """
    Start our server, and a client that loads it.

    :param arguments: more for the client's command line.
    :raise BenchmarkError: as `measure` does.
    """
    [sessions] = effort.sessions(row).values()
    options: dict[str, object] = {
        "service": row.service,
        "sessions": sessions,
        "count": row.count,
        "size": row.size,
        "warm-up": effort.warmUp,
        "seconds": effort.seconds,
    }
    command = [f"--{name}={value}" for name, value in options.items()]
    if row.driver is Idle:
        command.append("--idle")
    with ServerProcess(PEERS["txsockjs"]) as server:
        before = server.cpu()
        found = runClient(peer, [str(server.port), *command, *arguments])
        cpu = server.cpu() - before
    count = found["count"]
    if not count:
        raise BenchmarkError(f"nothing came back in {effort.seconds} s")
    latencies = found["latencies"]
    return Result(
        cpu=found["cpu"] / count * 1e6,
        client=cpu / found["done"] * 1e6 if latencies else 0.0,
        rate=count / found["wall"] if latencies else 0.0,
        p50=percentile(latencies, 0.50),
        p99=percentile(latencies, 0.99),
        memory=found["memory"],
        count=count,
    )


class Servers(list[ServerProcess]):
    """The processes of one server."""

    def cpu(self) -> float:
        """The CPU time that they have used, user and system, in seconds."""
        return sum(server.cpu() for server in self)

    def memory(self) -> int:
        """Their proportional set size, in bytes."""
        return sum(server.memory() for server in self)


def load(
    row: Row,
    peer: Peer,
    effort: Effort,
    servers: Servers,
    context: ssl.SSLContext | None = None,
) -> Result:
    """Load servers that run, as `measure` does."""
    bursts = (
        Burst(row.count, row.size, row.alphabet),
        Burst(row.count, row.size, row.alphabet, first=row.count),
    )
    loop = Loop()
    kinds = [
        (
            peer.sessions[transport],
            Plan(loop, target, bursts, row.service, row.headers),
            number // len(servers),
        )
        for transport, number in effort.sessions(row).items()
        for target in [Target(server.port, context) for server in servers]
    ]
    if row.active:
        driver = row.driver(loop, kinds, max(1, row.active // effort.divisor))
    else:
        driver = row.driver(loop, kinds)
    before = memory = 0.0

    def settled() -> None:
        nonlocal before
        before = servers.memory()

    seconds = effort.seconds
    if row.seconds is not None and effort.divisor == 1:
        seconds = row.seconds
    try:
        driver.open(settled, effort.warmUp)
        if before:
            memory = (servers.memory() - before) / driver.count
        driver.warmUp(effort.warmUp)
        with quietCollector():
            cpu, client, wall = servers.cpu(), time.process_time(), time.perf_counter()
            driver.run(seconds)
            cpu = servers.cpu() - cpu
            client = time.process_time() - client
            wall = time.perf_counter() - wall
        count, latencies = driver.count, sorted(driver.latencies)
        driver.finish()
    finally:
        loop.close()
    if not count:
        raise BenchmarkError(f"nothing came back in {seconds} s")
    return Result(
        cpu=cpu / count * 1e6,
        client=client / count * 1e6,
        rate=count / wall if latencies else 0.0,
        p50=percentile(latencies, 0.50),
        p99=percentile(latencies, 0.99),
        memory=memory,
        count=count,
    )


def percentile(latencies: list[float], share: float) -> float:
    """
    The latency that ``share`` of them do not exceed.

    :param latencies: in seconds, sorted.
    :return: milliseconds; 0 where there are none.
    """
    if not latencies:
        return 0.0
    return latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1e3

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
from benchmarks.client.drivers import Driver, Idle
from benchmarks.client.loop import Loop
from benchmarks.client.session import Plan
from benchmarks.crowd import STORM, Crowd, CrowdProcess
from benchmarks.errors import BenchmarkError, Stalled
from benchmarks.peer import Peer
from benchmarks.peers import PEERS
from benchmarks.processes import RedisProcess, ServerProcess, runClient
from benchmarks.row import Row

#: Descriptors that a process needs beside one for each connection that stays.
SPARE = 200

#: About how long a server takes to start and to end, and a connection to open, in
#: seconds.
STARTS, OPENS = 1.2, 0.0005

#: Transports whose sessions have one connection; the others have two.
SINGLE = ("websocket", "room", "multiplex", "deflate")


@dataclass(frozen=True)
class Effort:
    """
    How much a round does.

    :ivar warmUp: seconds under load before the clock runs.
    :ivar seconds: seconds that are measured.
    :ivar divisor: the sessions of a row are divided by this.
    """

    warmUp: float = 1.0
    seconds: float = 1.0
    divisor: int = 1

    def sessions(self, row: Row) -> dict[str, int]:
        """How many sessions of each transport the row has with this effort."""
        return {
            transport: max(min(2, number), number // self.divisor)
            for transport, number in row.transports.items()
        }

    def measured(self, row: Row) -> float:
        """For how many seconds it is measured."""
        if row.seconds is not None and self.divisor == 1:
            return row.seconds
        return self.seconds

    def takes(self, row: Row) -> float:
        """About how many seconds a round takes with one server, its start included."""
        opening = OPENS * self.connections(row)
        return STARTS + opening + self.warmUp + self.measured(row)

    def connections(self, row: Row) -> int:
        """How many connections a process has at most."""
        there = row.crowd.divided(self.divisor) if row.crowd else Crowd()
        own = sum(
            number if transport in SINGLE else 2 * number
            for transport, number in self.sessions(row).items()
        )
        return own + there.idle + there.storm


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
    :ivar p999: the latency that one in a thousand exceeds.
    :ivar longest: the longest latency.
    :ivar memory: what one idle session adds to the memory of what is measured, in
        bytes.
    :ivar count: of messages, deliveries or sessions.
    :ivar opened: seconds until all that came at once were open.
    :ivar walked: how many objects the garbage collector walks for an idle session.
    :ivar collection: what a full collection takes, in milliseconds.
    """

    cpu: float
    client: float
    rate: float
    p50: float
    p99: float
    memory: float
    count: int
    p999: float = 0.0
    longest: float = 0.0
    opened: float = 0.0
    walked: float = 0.0
    collection: float = 0.0


def raiseLimit(connections: int) -> None:
    """
    Let this process and the servers open as many descriptors as they may.

    :raise BenchmarkError: that is not enough for ``connections``.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < connections + SPARE:
        raise BenchmarkError(
            f"{connections} connections, but only {hard} descriptors: ulimit -n"
        )


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
    raiseLimit(effort.connections(row))
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
        if row.backend:
            silent = stack.enter_context(ServerProcess(PEERS["epoll"], ["--silent"]))
            arguments += ["--backend", str(silent.port)]
        servers = Servers(
            stack.enter_context(ServerProcess(peer, arguments))
            for _ in range(row.processes or peer.processes)
        )
        crowd = None
        if row.crowd:
            there = row.crowd.divided(effort.divisor)
            crowd = stack.enter_context(CrowdProcess(servers[0].port, there))
        return load(row, peer, effort, servers, context, crowd)


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
    crowd: CrowdProcess | None = None,
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
            Plan(
                *(loop, target, bursts, row.service, row.headers),
                identified=row.identified,
                personal=row.personal,
            ),
            number // len(servers),
        )
        for transport, number in effort.sessions(row).items()
        for target in [Target(server.port, context) for server in servers]
    ]
    if row.active:
        driver = row.driver(loop, kinds, max(1, row.active // effort.divisor))
    elif row.rate:
        driver = row.driver(loop, kinds, row.rate)
    else:
        driver = row.driver(loop, kinds)
    weighing = Weighing(row, servers)
    try:
        driver.open(weighing.begin, effort.warmUp)
        weighed = weighing.end(driver.count)
        driver.warmUp(effort.warmUp)
        with quietCollector():
            cpu, client, wall = servers.cpu(), time.process_time(), time.perf_counter()
            happened = drive(driver, effort.measured(row), row, crowd)
            cpu = servers.cpu() - cpu
            client = time.process_time() - client
            wall = time.perf_counter() - wall
        count, latencies = driver.count, sorted(driver.latencies)
        driver.finish()
    finally:
        loop.close()
    if not count:
        raise BenchmarkError(f"nothing came back in {effort.measured(row)} s")
    return Result(
        cpu=cpu / count * 1e6,
        client=client / count * 1e6,
        rate=count / wall if latencies else 0.0,
        p50=percentile(latencies, 0.50),
        p99=percentile(latencies, 0.99),
        p999=percentile(latencies, 0.999),
        longest=percentile(latencies, 1),
        count=count,
        opened=happened.get("opened", 0.0),
        **weighed,
    )


class Weighing:
    """What opened sessions add to a server."""

    def __init__(self, row: Row, servers: Servers) -> None:
        self._collected, self._servers = row.collected, servers
        self._memory = 0
        self._walked = 0.0

    def begin(self) -> None:
        """The server has what it needs once."""
        self._memory = self._servers.memory()
        if self._collected:
            self._walked = self._servers[0].collection()["walked"]

    def end(self, sessions: int) -> dict[str, float]:
        """
        So many more sessions are open.

        :return: attributes of `Result`.
        """
        if not self._memory:
            return {"memory": 0.0}
        found = {"memory": (self._servers.memory() - self._memory) / sessions}
        if self._collected:
            now = self._servers[0].collection()
            # What a session has is a whole number.
            found["walked"] = round((now["walked"] - self._walked) / sessions, 1)
            found["collection"] = now["collection"]
        return found


class Report:
    """Stops the loop when the crowd says something."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def ready(self, events: int) -> None:
        """It does."""
        self._loop.stop()

    def close(self) -> None:
        """The process closes it."""


def drive(
    driver: Driver, seconds: float, row: Row, crowd: CrowdProcess | None
) -> dict[str, float]:
    """
    Have the load run for so long; where many come at once, until all are there.

    :return: what the crowd has done meanwhile.
    """
    if crowd is None:
        driver.run(seconds)
        return {}
    crowd.begin()
    if row.crowd is None or not row.crowd.storm:
        driver.run(seconds)
    else:
        driver.loop.add(crowd.fd, Report(driver.loop))
        done = driver.loop.run(STORM)
        driver.loop.remove(crowd.fd)
        if not done:
            raise Stalled(f"the sessions were not open in {STORM:.0f} s")
    # What waits for an answer now may have waited long.
    driver.finish()
    return crowd.end()


def percentile(latencies: list[float], share: float) -> float:
    """
    The latency that ``share`` of them do not exceed.

    :param latencies: in seconds, sorted.
    :return: milliseconds; 0 where there are none.
    """
    if not latencies:
        return 0.0
    return latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1e3

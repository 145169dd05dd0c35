"""The yardstick itself: it measures what it says, and no wrong answer passes."""

from __future__ import annotations

import socket
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import parts, report
from benchmarks.__main__ import main
from benchmarks.client import http, websocket
from benchmarks.client.burst import OTHERS, Burst, messagesIn
from benchmarks.client.connection import Target
from benchmarks.client.loop import Loop
from benchmarks.client.session import Plan
from benchmarks.clients.echoing import Conversation, Load
from benchmarks.crowd import Crowd, CrowdProcess
from benchmarks.errors import (
    BenchmarkError,
    ClientFailed,
    NotInstalled,
    ServerFailed,
    WrongAnswer,
)
from benchmarks.measuring import QUICK, Effort, measure, percentile
from benchmarks.peer import GoPeer, NodePeer, Peer
from benchmarks.peers import PEERS
from benchmarks.processes import ServerProcess, runClient
from benchmarks.row import CLIENTS
from benchmarks.rows import ROWS
from benchmarks.run import Run, loadRun

TINY = Effort(warmUp=0, seconds=0.05, divisor=50)

SERVER = """
import time
from twisted.internet import protocol
from benchmarks.servers.twisted_serving import serve

stalls = [0.4]

def busy(seconds):
    # The reactor is held up, as by a long computation.
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass

class Server(protocol.Protocol):
    def connectionMade(self):
        self.ballast = bytearray(b"x" * {ballast})
        self.transport.write(b"o")

    def dataReceived(self, data):
        {answer}

serve(protocol.Factory.forProtocol(Server))
"""


@dataclass(frozen=True)
class ScriptPeer(Peer):
    """A server that is written down in a test."""

    script: str = ""

    def command(self) -> list[str]:
        return [sys.executable, "-c", self.script]


def scripted(answer: str = "pass", ballast: int = 0) -> Peer:
    """A TCP server that answers a read with a statement, and holds so many bytes."""
    sessions = PEERS["tcp"].sessions
    script = SERVER.format(answer=answer, ballast=ballast)
    return ScriptPeer("tcp", "scripted", "", sessions=sessions, script=script)


class BytesTests(SynchronousTestCase):
    """What the load client writes and reads."""

    def test_clientFrame(self) -> None:
        """A frame's payload, unmasked, is what was put in, at each length's form."""
        for size in (0, 5, 125, 126, 65535):
            payload = bytes(range(256)) * 256
            frame = websocket.clientFrame(payload[:size])
            start = 2 if size < 126 else 4
            length = frame[1] & 0x7F if size < 126 else int.from_bytes(frame[2:4])
            key, masked = frame[start : start + 4], frame[start + 4 :]
            found = bytes(b ^ key[i % 4] for i, b in enumerate(masked))
            self.assertEqual((frame[0], length), (0x81, size))
            self.assertEqual(found, payload[:size])

    def test_splitFrames(self) -> None:
        """Frames are found wherever the bytes are cut, and what is left is kept."""
        whole = b"\x81\x02hi" + b"\x82\x7e\x00\xc8" + b"x" * 200 + b"\x89\x00"
        expected = [(1, b"hi"), (2, b"x" * 200), (9, b"")]
        for cut in range(len(whole)):
            first, rest = websocket.splitFrames(whole[:cut])
            second, nothing = websocket.splitFrames(rest + whole[cut:])
            self.assertEqual((first + second, nothing), (expected, b""))

    def test_oddFrames(self) -> None:
        """A fragment, a mask or an extension's bit is no answer."""
        for frame in (b"\x01\x00", b"\x81\x80", b"\xc1\x00"):
            self.assertRaises(WrongAnswer, websocket.splitFrames, frame)

    def test_deflated(self) -> None:
        """A message that is compressed by itself is read where that was agreed on."""
        frame = websocket.deflatedFrame(b"hello" * 20)
        key, masked = frame[2:6], frame[6:]
        payload = bytes(b ^ key[i % 4] for i, b in enumerate(masked))
        self.assertLess(len(payload), 100)
        sent = frame[:1] + bytes([len(payload)]) + payload
        self.assertRaises(WrongAnswer, websocket.splitFrames, sent)
        found = websocket.splitFrames(sent, websocket.inflated)
        self.assertEqual(found, ([(1, b"hello" * 20)], b""))
        broken = sent[:2] + b"\xff" * len(payload)
        self.assertRaises(
            WrongAnswer, websocket.splitFrames, broken, websocket.inflated
        )

    def test_numbered(self) -> None:
        """Each request that is sent has another number, and the same length."""
        made = http.request("host", "POST", "/x", b"body", identified=True)
        sent = {http.numbered(made) for _ in range(10)}
        self.assertEqual(len(sent), 10)
        self.assertEqual({len(each) for each in sent}, {len(made)})
        for each in sent:
            self.assertRegex(each, rb"\r\nX-Request-Id: [0-9a-f]{32}\r\n")

    def test_numberedRequests(self) -> None:
        """A session gives each of its requests another number, where it is to."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            target = Target(server.getsockname()[1])
            plan = Plan(Loop(), target, (Burst(), Burst()), identified=True)
            self.addCleanup(plan.loop.close)
            PEERS["txsockjs"].sessions["xhr"](plan)
            client, _ = server.accept()
            with client:
                first = client.recv(65536)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no\n")
                plan.opened = lambda session: plan.loop.stop()
                self.assertTrue(plan.loop.run(20))
                second = client.recv(65536)
        self.assertNotIn(http.NUMBER, first + second)
        self.assertNotEqual(first, second)
        self.assertEqual(len(first), len(second))

    def test_personal(self) -> None:
        """Each session has another cookie and another address, if it is to."""
        plan = Plan(Loop(), Target(0), (Burst(), Burst()), headers="A: b\r\n")
        self.addCleanup(plan.loop.close)
        self.assertEqual(plan.ownHeaders(), "A: b\r\n")
        plan.personal = True
        made = [plan.ownHeaders().split("\r\n") for _ in range(300)]
        self.assertEqual(
            {len(set(column)) for column in zip(*made, strict=True)}, {1, 300}
        )
        self.assertRegex(made[0][0], r"^X-Forwarded-For: 10(\.\d{1,3}){3}$")
        self.assertRegex(made[0][1], r"^Cookie: session=")

    def test_takeResponse(self) -> None:
        """A response is whole at its last byte, by length and by chunks."""
        plain = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
        chunked = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        )
        for whole in (plain, chunked):
            for cut in range(len(whole)):
                self.assertIsNone(http.takeResponse(whole[:cut]))
            self.assertEqual(http.takeResponse(whole + b"?"), (200, b"abc", b"?"))

    def test_refusedResponse(self) -> None:
        """An error, or the end of a connection that should go on, is no answer."""
        for head in (
            b"HTTP/1.1 404 No\r\nContent-Length: 0",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close",
            b"HTTP/1.1 200 OK\r\nContent-Length: x",
            b"HTTP/1.1 200 OK",
            b"",
        ):
            response = head + b"\r\n\r\n"
            self.assertRaises(WrongAnswer, http.takeResponse, response)

    def test_messagesIn(self) -> None:
        """Only message frames carry messages, and a close frame is no answer."""
        self.assertEqual(messagesIn(b'a["x","\\u0434"]'), ["x", "\u0434"])
        self.assertEqual(messagesIn(b"h"), [])
        for frame in (b'c[3000,"Go away!"]', b"a[1]", b'a"x"', b"a[", b"hh", b""):
            self.assertRaises(WrongAnswer, messagesIn, frame)

    def test_burst(self) -> None:
        """Messages differ, and have just the size that was asked for."""
        burst = Burst(16, 64, OTHERS)
        self.assertEqual(len(set(burst.messages)), 16)
        self.assertEqual({len(m.encode()) for m in burst.messages}, {64})


class HonestyTests(SynchronousTestCase):
    """A server that does not answer rightly voids the run."""

    def assertVoid(self, answer: str, error: type[Exception], text: str) -> None:
        """A server that answers so makes the measuring fail so."""
        failure = self.assertRaises(
            error, measure, ROWS["websocket"], scripted(answer), TINY, Path()
        )
        self.assertIn(text, str(failure))

    def test_right(self) -> None:
        """The scripted server passes where it echoes."""
        found = measure(
            ROWS["websocket"],
            scripted("self.transport.write(data)"),
            TINY,
            Path(),
        )
        self.assertGreater(found.count, 0)
        self.assertGreater(found.p99, 0)

    def test_wrongBytes(self) -> None:
        """An answer of other bytes."""
        self.assertVoid("self.transport.write(data[::-1])", WrongAnswer, "instead of")

    def test_twice(self) -> None:
        """An answer that comes twice."""
        self.assertVoid("self.transport.write(data * 2)", WrongAnswer, "instead of")

    def test_closed(self) -> None:
        """A connection that is closed."""
        self.assertVoid("self.transport.loseConnection()", WrongAnswer, "closed")

    def test_stalled(self) -> None:
        """What waited because the server stopped counts from when its time was."""
        found = measure(
            replace(ROWS["paced"], rate=200),
            scripted("busy(stalls.pop() if stalls else 0); self.transport.write(data)"),
            replace(TINY, seconds=0.5),
            Path(),
        )
        self.assertGreater(found.longest, 350)
        self.assertGreater(found.p50, 50)

    def test_lonely(self) -> None:
        """A crowd that is not let in voids the run, with what it says."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        crowd = CrowdProcess(port, Crowd(idle=1))
        failure = self.assertRaises(BenchmarkError, crowd.__enter__)
        crowd.__exit__()
        self.assertIn("ConnectionRefusedError", str(failure))

    def test_secretive(self) -> None:
        """A server that does not tell of its collector, but ends, has failed."""
        script = "import signal; print('listening 1', flush=True); signal.pause()"
        with ServerProcess(ScriptPeer("x", "x", "", script=script)) as server:
            failure = self.assertRaises(ServerFailed, server.collection)
        self.assertIn("left no report", str(failure))

    def test_ended(self) -> None:
        """A server that ends by itself is told with what it said."""
        peer = ScriptPeer("x", "x", "", script="raise SystemExit('no such option')")
        failure = self.assertRaises(ServerFailed, ServerProcess, peer)
        self.assertIn("no such option", str(failure))


class ClientTests(SynchronousTestCase):
    """The clients that are measured themselves."""

    def conversation(self, *arguments: str) -> tuple[Conversation, list[str]]:
        """An open session's part, and a list that gets what was wrong."""
        load, problems = Load(["0", *arguments]), list[str]()
        load.fail = problems.append  # type: ignore[method-assign]
        load.begin(lambda each: None, lambda *_: None, lambda: None)
        return Conversation(load), problems

    def test_turns(self) -> None:
        """When all of a burst has come back, the other is sent."""
        talk, problems = self.conversation("--count=2")
        first = list(talk.opened())
        self.assertEqual(len(first), 2)
        self.assertEqual(list(talk.received(first[0])), [])
        second = list(talk.received(first[1]))
        self.assertEqual(len({*first, *second}), 4)
        self.assertEqual(list(talk.received(second[0])), [])
        self.assertEqual(list(talk.received(second[1])), first)
        self.assertEqual(problems, [])

    def test_wrong(self) -> None:
        """A wrong answer is a fault, as are one that comes twice and one to nothing."""
        for answers in (["x"], [0, 0]):
            talk, problems = self.conversation()
            sent = talk.opened()
            for answer in answers:
                talk.received(sent[answer] if isinstance(answer, int) else answer)
            self.assertEqual(len(problems), 1)
        talk, problems = self.conversation("--idle")
        self.assertEqual(talk.opened(), ())
        talk.received("x")
        talk.lost("why")
        self.assertEqual(problems, ["'x' is no answer", "a session was lost: why"])

    def test_void(self) -> None:
        """A client that finds a fault voids the run, with what it says."""
        peer = PEERS["websockets"]
        failure = self.assertRaises(
            ClientFailed, runClient, peer, ["1", "--sessions=1"]
        )
        self.assertIn("websockets: a session was lost", str(failure))

    def test_measured(self) -> None:
        """Each gives the figures of both rows."""
        for name in CLIENTS:
            found = measure(ROWS["client-16"], PEERS[name], QUICK, Path())
            self.assertGreater(min(found.count, found.cpu, found.p50, found.client), 0)
            found = measure(ROWS["client-memory"], PEERS[name], QUICK, Path())
            self.assertEqual(found.count, 18)
            self.assertGreater(found.memory, 0)


class ServerProcessTests(SynchronousTestCase):
    """What is read about a server's process."""

    def test_cpu(self) -> None:
        """The CPU time is what the process used, in seconds."""
        peer = ScriptPeer(
            "x",
            "x",
            "",
            script=(
                "import signal, time\n"
                "while time.process_time() < 0.5: pass\n"
                "print('listening 1', flush=True)\n"
                "signal.pause()"
            ),
        )
        with ServerProcess(peer) as server:
            self.assertApproximates(server.cpu(), 0.5, 0.1)
            self.assertGreater(server.memory(), 1e6)

    def test_memory(self) -> None:
        """An idle session weighs what the server holds for it."""
        peer = scripted(ballast=100_000)
        found = measure(ROWS["memory"], peer, TINY, Path())
        self.assertApproximates(found.memory, 100_000, 20_000)

    def test_percentile(self) -> None:
        """So many of the latencies are not above it, in milliseconds."""
        latencies = [number / 1000 for number in range(1, 101)]
        self.assertAlmostEqual(percentile(latencies, 0.5), 51)
        self.assertAlmostEqual(percentile(latencies, 0.99), 100)
        self.assertEqual(percentile([], 0.5), 0)

    def test_npmMissing(self) -> None:
        """A peer that cannot be installed says which tool is missing."""
        peer = NodePeer("absent", "absent", "", requirement="sockjs@0.3.24")
        self.patch(sys.modules["benchmarks.peer"], "INSTALLED", Path(self.mktemp()))
        with patch.dict("os.environ", PATH=""):
            failure = self.assertRaises(NotInstalled, peer.install)
        self.assertIn("npm", str(failure))

    def test_goMissing(self) -> None:
        """Where there is no Go, the error tells which packages are needed."""
        self.patch(sys.modules["benchmarks.peer"], "INSTALLED", Path(self.mktemp()))
        with patch.dict("os.environ", PATH=""):
            failure = self.assertRaises(NotInstalled, PEERS["go"].install)
        self.assertIn("golang-github-igm-sockjs-go-dev", str(failure))

    def test_go(self) -> None:
        """What is built once is built again only when its source is another."""
        place = Path(self.mktemp())
        place.mkdir()
        go = place / "go"
        go.write_text(
            '#!/bin/sh\necho "$GO111MODULE $GOPATH $1" >> "$0.said"\n'
            'echo built > "$3"\n'
        )
        go.chmod(0o755)
        (place / "x.go").write_text("one")
        module = sys.modules["benchmarks.peer"]
        self.patch(module, "INSTALLED", place / "peers")
        self.patch(module, "SERVERS", place)
        peer = GoPeer("x", "x", "x.go", requirement="golang-go")
        with patch.dict("os.environ", PATH=f"{place.resolve()}:/usr/bin:/bin"):
            for text in ("one", "one", "two"):
                (place / "x.go").write_text(text)
                peer.install()
        said = "off /usr/share/gocode build\n"
        self.assertEqual(Path(f"{go}.said").read_text(), said * 2)
        self.assertEqual(Path(*peer.command()).read_text(), "built\n")


class PartsTests(SynchronousTestCase):
    """The single steps, and what else could do them."""

    def test_same(self) -> None:
        """The ways to do a step come to the same."""
        for step, ways in parts.STEPS.items():
            ours, *others = [call() for call in ways.values()]
            self.assertTrue(ours, step)
            for other in others:
                if step.startswith("read"):
                    self.assertEqual(lowered(other), lowered(ours))
                else:
                    self.assertEqual(other, ours, step)

    def test_table(self) -> None:
        """The table has a line for each, with a time."""
        rst, said = Path(self.mktemp()), StringIO()
        with redirect_stdout(said):
            self.assertEqual(parts.main(["--calls", "1", "--rst", str(rst)]), 0)
        for text in (said.getvalue(), rst.read_text()):
            for step, ways in parts.STEPS.items():
                self.assertEqual(text.count(step), len(ways))
        self.assertRegex(said.getvalue(), r"httptools +\d+\.\d\d\n")


def lowered(fields: Any) -> dict[bytes, list[bytes]]:
    """Header fields, with names in lower case."""
    return {name.lower(): values for name, values in fields.items()}


class WholeTests(SynchronousTestCase):
    """The command, from the servers to the files, in its short form."""

    def runShort(self, *arguments: str) -> Run:
        """Run the short form, and read what it leaves."""
        kept = Path(self.mktemp())
        said, errors = StringIO(), StringIO()
        with redirect_stdout(said), redirect_stderr(errors):
            status = main(["--quick", "--json", str(kept), *arguments])
        self.assertEqual(status, 0, errors.getvalue())
        run = loadRun(kept)
        self.assertEqual(report.text(run), said.getvalue().removesuffix("\n"))
        return run

    def test_rows(self) -> None:
        """Our server answers every manner of load rightly."""
        rows = (
            "websocket-16,broadcast-mixed,xhr-polling,open-close,rooms,rooms-redis,"
            "rooms-redis-quiet,rooms-redis-publish,idle-9000,xhr-polling-2000,"
            "deflate,multiplex,handler,bridge,memory-polling"
        )
        run = self.runShort("--peers", "txsockjs", "--rows", rows)
        self.assertEqual(list(run.results), rows.split(","))
        for peers in run.results.values():
            self.assertGreater(peers["txsockjs"][0].count, 0)

    def test_tails(self) -> None:
        """The rows of pauses give each figure, ours as ``twistd sockjs`` runs it."""
        rows = ("paced", "churn-18000", "storm", "collection")
        run = self.runShort("--peers", "twistd", "--rows", ",".join(rows))
        for name in rows:
            [found] = run.results[name]["twistd"]
            for figure in ROWS[name].figures:
                self.assertGreater(getattr(found, figure.key), 0, figure)

    def test_processes(self) -> None:
        """All processes of a server count, and requests reach the right one."""
        run = self.runShort("--peers", "workers", "--rows", "workers-polling")
        self.assertGreater(run.results["workers-polling"]["workers"][0].cpu, 0)

    def test_files(self) -> None:
        """The tables and the picture name each server that was measured."""
        rst, svg = Path(self.mktemp()), Path(self.mktemp())
        rows = "websocket,broadcast,xhr-polling"
        files = ("--rst", str(rst), "--svg", str(svg))
        peers = ("tcp", "tcp-direct", "epoll", "autobahn", "web")
        self.runShort("--peers", ",".join(peers), "--rows", rows, *files)
        drawn = "".join(ElementTree.parse(svg).getroot().itertext())
        for peer in peers:
            self.assertIn(PEERS[peer].title, rst.read_text())
            self.assertIn(PEERS[peer].title, drawn)

"""
Ours, as ``twistd sockjs`` runs it, garbage collector and all.  The arguments are
``twistd sockjs``'s.
"""

import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

TWISTD = "from twisted.scripts.twistd import run; run()"
SERVICES = (
    "echo=benchmarks.servers.txsockjs_server.collectedEcho",
    "broadcast=benchmarks.servers.txsockjs_server.broadcasting",
)


def main() -> int:
    """Start it, say when it listens, and end it when asked to."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", TWISTD, "-n", "--pidfile=", "sockjs"]
    command += ["--listen", f"tcp:{port}:interface=127.0.0.1:backlog=4096"]
    for service in SERVICES:
        command += ["--service", service]
    process = subprocess.Popen([*command, *sys.argv[1:]], stdout=subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda number, frame: process.send_signal(number))
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            print("listening", port, flush=True)
            break
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())

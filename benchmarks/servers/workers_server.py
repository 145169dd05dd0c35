"""Ours, with two workers."""

import socket
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.servers.twisted_serving import arguments

ECHO = "echo=benchmarks.servers.txsockjs_server.Echo"


def main() -> int:
    """Serve until SIGTERM, which ends the workers too."""
    arguments()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="),
            *("sockjs", "--workers", "2", "--service", ECHO),
            *("--listen", f"tcp:{port}:interface=127.0.0.1:backlog=128"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        while server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.05)
            else:
                print("listening", port, flush=True)
                return server.wait()
        return 1
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    import signal

    # So that what is above is done.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    sys.exit(main())

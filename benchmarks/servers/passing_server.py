"""
Ours, with two processes: one that accepts all connections, and one that has all
sessions over HTTP. Each request is passed on.
"""

import subprocess
import sys
import tempfile

from twisted.internet import reactor
from twisted.internet.protocol import Factory

from benchmarks.servers.twisted_serving import serve
from benchmarks.servers.txsockjs_server import Echo
from txsockjs.cluster.peers import Peer, Slots
from txsockjs.cluster.workers import WorkerCluster
from txsockjs.factory import SockJSMultiFactory


class Elsewhere(Slots):
    """All sessions are of the second slot."""

    def locate(self, id: bytes) -> tuple[Peer, ...]:
        return self.at(1)


def main() -> None:
    """Serve, as the process of a slot; the first one starts the second."""
    home = "--home"
    directory = sys.argv[2] if home in sys.argv else tempfile.mkdtemp()
    peers = [Peer(slot, slot, f"{directory}/{slot}") for slot in range(2)]
    slots = Elsewhere(2, peers[home in sys.argv])
    slots.update(peers)
    cluster = WorkerCluster(reactor, slots, handOver=False)
    site = SockJSMultiFactory(cluster=cluster)
    site.addFactory(Factory.forProtocol(Echo), "echo")
    if home in sys.argv:
        reactor.listenTCP(0, site, interface="127.0.0.1")
        print("ready", flush=True)
        reactor.run()
        return
    command = [sys.executable, "-m", __spec__.name, home, directory]
    other = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    reactor.addSystemEventTrigger("before", "shutdown", other.terminate)
    serve(site)
    other.wait()


if __name__ == "__main__":
    main()

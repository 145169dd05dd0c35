"""
A floor: the same bytes over a bare loop on epoll, as little as Python can do.

``--silent`` leaves out the greeting: then it is what stands behind a bridge.
"""

import select
import socket
import sys

GREETING = b"" if "--silent" in sys.argv else b"o"


def serve(listening: socket.socket) -> None:
    """Accept, and send back what comes."""
    epoll, connections = select.epoll(), {}
    epoll.register(listening, select.EPOLLIN)
    while True:
        for fd, _ in epoll.poll():
            if fd == listening.fileno():
                connection, _ = listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                epoll.register(connection, select.EPOLLIN)
                connection.send(GREETING)
            elif data := connections[fd].recv(65536):
                connections[fd].sendall(data)
            else:
                connections.pop(fd).close()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        print("listening", listening.getsockname()[1], flush=True)
        serve(listening)

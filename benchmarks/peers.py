"""The servers and the clients that are compared."""

from __future__ import annotations

from benchmarks.peer import (
    POLLING,
    RAW,
    SOCKETIO,
    TCP,
    GoPeer,
    NodePeer,
    Peer,
    PythonPeer,
)

#: The rows of long polling.
POLLS = (
    "xhr-polling",
    "xhr-polling-2000",
    "xhr-polling-same",
    "xhr-polling-browser",
    "memory-polling",
    "broadcast-mixed",
)
AT_ONCE = (
    "who polls again as soon as a poll is answered, as browsers do, is told 2010, "
    '"Another connection still open"'
)

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "txsockjs",
            "txsockjs",
            "txsockjs_server.py",
            shown=("Twisted", "autobahn"),
            client="txsockjs_client.py",
        ),
        Peer(
            "twistd",
            "twistd sockjs",
            "twistd_server.py",
            shown=("Twisted", "autobahn"),
            plain=False,
        ),
        Peer(
            "websockets",
            "websockets",
            "",
            shown=("websockets",),
            client="websockets_client.py",
        ),
        Peer(
            "autobahn-client",
            "Autobahn's client",
            "",
            shown=("Twisted", "autobahn"),
            client="autobahn_client.py",
        ),
        NodePeer(
            "node",
            "sockjs-node",
            "node_server.js",
            requirement="sockjs@0.3.24 websocket-multiplex@0.1.0 "
            "permessage-deflate@0.1.7",
            shown=("sockjs", "faye-websocket"),
        ),
        GoPeer(
            "go",
            "sockjs-go",
            "go_server.go",
            requirement="golang-go golang-github-igm-sockjs-go-dev",
            shown=("golang-github-igm-sockjs-go-dev",),
            unable={
                **dict.fromkeys(POLLS, AT_ONCE),
                "multiplex": "it has no multiplexing",
                "collection": "Go collects beside the program",
            },
            remarks={
                "broadcast": "a client that does not read makes all others wait, since "
                "Send waits for it; here all read"
            },
        ),
        PythonPeer(
            "aiohttp",
            "aiohttp sockjs",
            "aiohttp_server.py",
            requirement="sockjs==0.13.0 uvloop==0.22.1",
            shown=("sockjs", "aiohttp", "uvloop"),
            unable={"multiplex": "it has no multiplexing"},
        ),
        PythonPeer(
            "tornado",
            "sockjs-tornado",
            "tornado_server.py",
            requirement="sockjs-tornado==1.0.7 uvloop==0.22.1",
            shown=("sockjs-tornado", "tornado", "uvloop"),
            unable={
                "deflate": "its WebSockets offer no extension",
                "multiplex": "it has no multiplexing but in an example",
            },
        ),
        NodePeer(
            "socketio",
            "Socket.IO",
            "socketio_server.js",
            requirement="socket.io@4.8.4 @socket.io/redis-streams-adapter@0.3.1 "
            "redis@6.3.1",
            shown=("socket.io", "@socket.io/redis-streams-adapter"),
            sessions=SOCKETIO,
        ),
        PythonPeer(
            "python-socketio",
            "python-socketio",
            "python_socketio_server.py",
            requirement="python-socketio==5.18.1 aiohttp==3.14.3 redis==7.0.1 "
            "uvloop==0.22.1",
            shown=("python-socketio", "aiohttp", "redis", "uvloop"),
            sessions=SOCKETIO,
        ),
        Peer(
            "tcp",
            "TCP floor",
            "tcp_server.py",
            sessions=TCP,
            broadcasting=("--broadcast",),
        ),
        Peer(
            "tcp-direct",
            "TCP floor, written through",
            "tcp_server.py",
            sessions=TCP,
            arguments=("--direct",),
        ),
        Peer(
            "tcp-direct-two",
            "two TCP floors, written through",
            "tcp_server.py",
            sessions=TCP,
            arguments=("--direct",),
            processes=2,
        ),
        Peer(
            "epoll",
            "bare epoll floor",
            "epoll_server.py",
            shown=(),
            sessions=TCP,
            plain=False,
        ),
        Peer(
            "epoll-two",
            "two bare epoll floors",
            "epoll_server.py",
            shown=(),
            sessions=TCP,
            plain=False,
            processes=2,
        ),
        Peer(
            "autobahn",
            "Autobahn floor",
            "autobahn_server.py",
            shown=("Twisted", "autobahn"),
            sessions=RAW,
        ),
        Peer(
            "web",
            "twisted.web floor",
            "web_server.py",
            sessions=POLLING,
        ),
        Peer(
            "workers",
            "two workers",
            "twistd_server.py",
            plain=False,
            arguments=("--workers", "2"),
        ),
        Peer("passing", "passed on by request", "passing_server.py", plain=False),
        Peer("asyncio", "txsockjs on asyncio", "asyncio_server.py"),
        Peer(
            "uvloop",
            "txsockjs on uvloop",
            "uvloop_server.py",
            shown=("Twisted", "uvloop"),
        ),
    )
}

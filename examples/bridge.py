"""
Browsers talk to a TCP service: an IRC server, Redis, or any other.

    python bridge.py tcp:irc.example.net:6667:framing=lines
    python bridge.py unix:/run/redis/redis.sock:mode=base64

In the page, with sockjs-client:

    const irc = new SockJS("http://127.0.0.1:8080");
    irc.onopen = () => { irc.send("NICK me"); irc.send("USER me 0 * :Me"); };
    irc.onmessage = (event) => console.log(event.data);
    irc.onclose = (event) => console.log(event.code, event.reason);
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task

from txsockjs import SockJSFactory
from txsockjs.bridge import BridgeFactory


async def main(
    reactor: Any, service: str, listen: str = "tcp:8080:interface=127.0.0.1"
) -> None:
    bridge = BridgeFactory.fromString(reactor, service)
    endpoint = endpoints.serverFromString(reactor, listen)
    port = await endpoint.listen(SockJSFactory(bridge))
    print(f"{service} at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

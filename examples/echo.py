"""
The smallest service: what a browser sends comes back to it.

    python echo.py

In the page, with sockjs-client:

    const echo = new SockJS("http://127.0.0.1:8080");
    echo.onopen = () => echo.send("hello");
    echo.onmessage = (event) => console.log(event.data);
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.protocols.wire import Echo

from txsockjs import SockJSFactory


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    site = SockJSFactory(Echo)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"An echo at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
Metrics of a service for Prometheus, at http://127.0.0.1:8080/metrics

    pip install 'txsockjs[metrics]'
    python metrics.py

In the page, with sockjs-client:

    const echo = new SockJS("http://127.0.0.1:8080/echo");
    echo.onopen = () => echo.send("hello");
"""

import sys
from typing import Any

from prometheus_client import REGISTRY, Counter
from twisted.internet import defer, endpoints, task
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs import AsyncSession, SockJSResource, handler
from txsockjs.metrics import MetricsResource, SockJSCollector

# What the application counts itself goes beside.
SHOUTS = Counter("shouts", "Messages in upper case")


@handler
async def echo(session: AsyncSession) -> None:
    async for message in session:
        if message.isupper():
            SHOUTS.inc()
        await session.send(message)


async def main(reactor: Any, listen: str = "tcp:8080:interface=127.0.0.1") -> None:
    service = SockJSResource(echo, name="echo")
    REGISTRY.register(SockJSCollector([service]))
    root = Resource()
    root.putChild(b"echo", service)
    root.putChild(b"metrics", MetricsResource())
    site = Site(root, parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"Metrics at http://127.0.0.1:{port.getHost().port}/metrics", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

"""
Browsers talk STOMP to a message broker, such as RabbitMQ with its STOMP plugin.

    rabbitmq-plugins enable rabbitmq_stomp
    python stomp.py tcp:127.0.0.1:61613

In the page, with @stomp/stompjs and sockjs-client:

    const client = new StompJs.Client({
      webSocketFactory: () => new SockJS("http://127.0.0.1:8080/stomp"),
      connectHeaders: { login: "guest", passcode: "guest" },
      onConnect: () => {
        client.subscribe("/topic/news", (message) => console.log(message.body));
        client.publish({ destination: "/topic/news", body: "hello" });
      },
    });
    client.activate();

Without SockJS, brokerURL: "ws://127.0.0.1:8080/stomp/websocket" takes the place of
webSocketFactory.
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task

from txsockjs import SockJSMultiFactory
from txsockjs.bridge import BridgeFactory


async def main(
    reactor: Any, broker: str, listen: str = "tcp:8080:interface=127.0.0.1"
) -> None:
    site = SockJSMultiFactory()
    bridge = BridgeFactory.fromString(reactor, broker)
    # What stompjs asks for on a WebSocket; the broker agrees on a version by itself.
    versions = ["v12.stomp", "v11.stomp", "v10.stomp"]
    site.addFactory(bridge, "stomp", {"subprotocols": versions})
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    url = f"http://127.0.0.1:{port.getHost().port}"
    print(f"{broker} at {url}/stomp", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

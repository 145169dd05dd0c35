"""
Rooms with txsockjs, to be compared with rooms_socketio.js. An event is a message: a
JSON array of its name and its arguments.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from txsockjs import SockJSMultiFactory, SockJSProtocol
from txsockjs.rooms import Position, Room, Rooms

log = Logger()


class Chat(SockJSProtocol):
    def dataReceived(self, data: bytes) -> None:
        try:
            event, *arguments = json.loads(data)
            events: dict[str, Callable[..., defer.Deferred[Any]]]
            events = {"enter": self.enter, "say": self.say}
            on = events[event](*arguments)
        except (KeyError, TypeError, ValueError):
            self.transport.loseConnection(4000, "That is no event")
        else:
            on.addErrback(lambda reason: log.failure("{event}", reason, event=event))

    async def _enter(self, name: str) -> None:
        room = self.factory.rooms.room(name)
        await room.publish(json.dumps(["entered", name]))
        await room.join(self.transport)

    def enter(self, name: str) -> defer.Deferred[None]:
        return defer.ensureDeferred(self._enter(name))

    def say(self, name: str, text: str) -> defer.Deferred[Position | None]:
        room: Room = self.factory.rooms.room(name)
        return room.publish(json.dumps(["said", name, text]))


class ChatFactory(Factory[Chat]):
    protocol = Chat

    def __init__(self) -> None:
        self.rooms = Rooms()


async def main(reactor: Any, port: str = "8080") -> None:
    site = SockJSMultiFactory()
    site.addFactory(ChatFactory(), "rooms")
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(site)
    print(f"Rooms at http://127.0.0.1:{listening.getHost().port}/rooms", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

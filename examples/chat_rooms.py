"""
A chat in rooms: who is there, what was said before, and private messages.

    python chat_rooms.py
    python chat_rooms.py tcp:8081 redis://127.0.0.1:6379/0

Where several processes have the same Redis, it is one chat. A session's first message
is its name; "@bob hello" is for bob alone.
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task

from txsockjs import AsyncSession, SockJSFactory, handler
from txsockjs.errors import BrokerUnavailable, RoomError
from txsockjs.handlers import Handler
from txsockjs.rooms import Member, Rooms, Wording


class Told(Wording):
    def memberJoined(self, room: str, member: Member) -> str:
        return f"* {member.info} joins"

    def memberLeft(self, room: str, member: Member) -> str:
        return f"* {member.info} leaves"


told = Told()


def chat(rooms: Rooms) -> Handler:
    lobby = rooms.room("lobby", history=100)

    @handler
    async def talk(session: AsyncSession) -> None:
        try:
            name = await anext(session)
            await rooms.room(f"to {name}").join(session.transport)
            await lobby.join(session.transport, name, recent=20, wording=told)
            here = ", ".join(member.info for member in await lobby.members())
            await session.send(f"* here: {here}")
        except (BrokerUnavailable, RoomError) as problem:
            session.close(4000, str(problem))
            return
        async for message in session:
            try:
                if message.startswith("@"):
                    to, _, words = message[1:].partition(" ")
                    await rooms.room(f"to {to}").publish(f"{name}, to you: {words}")
                else:
                    await lobby.publish(f"{name}: {message}")
            except (BrokerUnavailable, RoomError) as problem:
                await session.send(f"* Not sent: {problem}")

    return talk


async def main(
    reactor: Any,
    listen: str = "tcp:8080:interface=127.0.0.1",
    redis: str | None = None,
) -> None:
    broker = None
    if redis is not None:
        from txsockjs.rooms.redis import RedisBroker

        broker = RedisBroker(reactor, redis)
    rooms = Rooms(broker)
    # Who comes before a Redis is there would be turned away.
    await rooms.whenUp()
    endpoint = endpoints.serverFromString(reactor, listen)
    port = await endpoint.listen(SockJSFactory(chat(rooms)))
    print(f"A chat at http://127.0.0.1:{port.getHost().port}", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

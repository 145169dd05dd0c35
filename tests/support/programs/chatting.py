"""One of the processes of a large room, by itself: ``python -m
tests.support.programs.chatting NAME URL MEMBERS ALL MESSAGES TTL``.

It joins with ``MEMBERS`` sessions, waits until ``ALL`` are present, and publishes
``MESSAGES`` messages, each until the broker has taken it. It prints, line by line:
``joined``; ``at N``, for every thousandth message that the members have got; ``gone
N``, when members of another process have left; and when the last message of each
process named in ``NAMES`` has come, ``report `` and a JSON object.
"""

from __future__ import annotations

import hashlib
import json
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.rooms.support import FakeSession, Telling
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms import Member, Rooms
from txsockjs.rooms.redis import RedisBroker

#: The processes whose last message is waited for.
NAMES = ("a", "b")

#: How many messages a process publishes at a time.
WINDOW = 20


def say(line: str) -> None:
    print(line + ".", flush=True)


class Observing(Telling):
    """
    Counts those who have left, by their processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left: dict[str, int] = {}

    def memberLeft(self, room: str, member: Member) -> str:
        name = member.info
        self.left[name] = self.left.get(name, 0) + 1
        say(f"gone {name} {self.left[name]}")
        return ""


class Chat:
    """
    A process's part of it.
    """

    def __init__(self, name: str, url: str, ttl: float) -> None:
        self.name = name
        rooms = Rooms(RedisBroker(reactor, url, ttl=ttl, timeout=5.0))
        rooms.configure("*", history=50_000)
        self.rooms = rooms
        self.room = rooms.room("crowd")
        self.sessions: list[FakeSession] = []
        self.taken: list[str] = []
        self.uncertain = 0
        self.refused = 0
        self.observing = Observing()

    async def run(self, members: int, everybody: int, messages: int) -> None:
        await self.up()
        self.sessions = [FakeSession() for _ in range(members)]
        self.sessions[0].sent = self.heard
        self.ends = {f"end {name}" for name in NAMES}
        for session in self.sessions:
            first = session is self.sessions[0]
            wording = self.observing if first else TELLING
            await self.room.join(session, self.name, wording=wording)
        say("joined")
        while len(await self.room.members()) < everybody:
            await deferLater(reactor, 0.05)
        await gatherResults(
            [self.publishSome(start, messages) for start in range(WINDOW)]
        )
        await self.publish(f"end {self.name}")

    async def up(self) -> None:
        while not self.rooms.up:
            await deferLater(reactor, 0.05)

    def publishSome(self, start: int, messages: int) -> Deferred[None]:
        async def publish() -> None:
            for number in range(start, messages, WINDOW):
                await self.publish(f"{self.name} {number}")

        return Deferred.fromCoroutine(publish())

    async def publish(self, text: str) -> None:
        while True:
            try:
                await self.room.publish(text)
            except BrokerUnavailable as error:
                self.refused += 1
                self.uncertain += error.uncertain
                await deferLater(reactor, 0.05)
            else:
                self.taken.append(text)
                return

    def heard(self, text: str) -> None:
        """
        A member was told something.
        """
        offset, equals, message = text.partition("=")
        if equals and offset.endswith("000"):
            say(f"at {offset}")
        if message in self.ends:
            self.ends.discard(message)
            if not self.ends:
                # Behind whoever is told of it after this one.
                reactor.callLater(0, self.report)

    def report(self) -> None:
        """
        What there was until the last message.
        """
        told = [
            [text for text in session.texts if "=" in text] for session in self.sessions
        ]
        heard = told[0]
        offsets = [int(text.partition("=")[0]) for text in heard]
        messages = {text.partition("=")[2] for text in heard}
        say(
            "report "
            + json.dumps(
                {
                    "alike": all(each == heard for each in told),
                    "whole": offsets == [*range(1, len(offsets) + 1)],
                    "count": len(offsets),
                    "digest": hashlib.sha256("\n".join(heard).encode()).hexdigest(),
                    "missing": sorted(set(self.taken) - messages),
                    "taken": len(self.taken),
                    "twice": len(heard) - len(messages),
                    "refused": self.refused,
                    "uncertain": self.uncertain,
                    "gaps": self.rooms.counters.gaps,
                    "recovered": self.rooms.counters.recovered,
                }
            )
        )


TELLING = Telling()


def main(name: str, url: str, *numbers: str) -> None:
    members, everybody, messages, ttl = map(float, numbers)
    chat = Chat(name, url, ttl)
    running = Deferred.fromCoroutine(
        chat.run(int(members), int(everybody), int(messages))
    )
    running.addErrback(lambda failure: say(failure.getTraceback()))
    reactor.addSystemEventTrigger("before", "shutdown", chat.rooms.stop)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The rooms that ``twistd sockjs`` gives to services: `SharedRooms`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.python.reflect import namedModule

from txsockjs.rooms.directory import Rooms
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.local import LocalBroker
from txsockjs.rooms.memory import MemoryBroker
from txsockjs.rooms.options import RoomOptions

#: What stands in place of a URL for the rooms of one process.
MEMORY: Final = "memory:"

#: What stands before the path of a UNIX socket where the rooms of this machine are.
LOCAL: Final = "local:"


class SharedRooms:
    """
    The rooms that services of a process have in common, as a command line describes
    them. A service asks for them by a true attribute ``needsRooms`` of its factory; it
    gets them as the attribute ``rooms``, before its first session.

    :ivar rooms: the rooms, once they were given to somebody.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        options: Mapping[str, Mapping[str, object]],
        factories: Iterable[Any],
    ) -> None:
        """
        :param reactor: what connects, and tells the time.
        :param url: the URL of a Redis, or `MEMORY`, or `LOCAL` and a path, or ``@``
            and the path of a file with one.
        :param options: those of `RoomOptions <txsockjs.rooms.options.RoomOptions>`, by
            patterns of names, the first of which holds.
        :param factories: all services that there are.
        :raise ValueError: for a URL or an option that there is not, and where no
            service asks.
        """
        self.rooms: Rooms | None = None
        self._reactor = reactor
        self._options = options
        self._broker: IBroker = _makeBroker(reactor, readURL(url))
        self._asking = [
            each for each in factories if getattr(each, "needsRooms", False)
        ]
        if not self._asking:
            raise ValueError(
                "no service asks for rooms; there is, for one, "
                "--service rooms=txsockjs.rooms.RoomsFactory"
            )

    def __iter__(self) -> Iterator[Rooms]:
        """
        The rooms, once they were given to somebody: for their metrics.
        """
        if self.rooms is not None:
            yield self.rooms

    def start(self) -> None:
        """
        Start the rooms, and give them to the services that ask for them.
        """
        if self.rooms is None:
            self.rooms = Rooms(self._broker, clock=self._reactor)
            for pattern, options in self._options.items():
                self.rooms.configure(pattern, **options)
        self.rooms.start()
        for factory in self._asking:
            factory.rooms = self.rooms

    def stop(self) -> Deferred[None]:
        """
        Stop them.

        :return: what fires when that is done.
        """
        return succeed(None) if self.rooms is None else self.rooms.stop()


def readOption(option: str) -> tuple[str, dict[str, str]]:
    """
    Read ``PATTERN:NAME=VALUE``.

    :return: the pattern, and the option by its name.
    :raise ValueError: if it is none.
    """
    left, equals, value = option.rpartition("=")
    pattern, colon, name = left.rpartition(":")
    if not (equals and colon and pattern and name):
        raise ValueError("it takes PATTERN:NAME=VALUE")
    RoomOptions.of({name: value})
    return pattern, {name: value}


def readURL(url: str) -> str:
    """
    The URL of a Redis, or the one in a file.

    :param url: the URL, or ``@`` and the path of the file.
    :raise ValueError: for a file that cannot be read.
    """
    if not url.startswith("@"):
        return url
    try:
        with open(url[1:], encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{url}: {error}") from error


def _makeBroker(reactor: Any, url: str) -> IBroker:
    if url == MEMORY:
        return MemoryBroker(reactor)
    if url.startswith(LOCAL):
        return LocalBroker(reactor, url.removeprefix(LOCAL))
    try:
        module: Any = namedModule("txsockjs.rooms.redis")
    except ImportError as error:
        raise ValueError(f"{error}; install txsockjs[redis]") from error
    broker: IBroker = module.RedisBroker(reactor, url)
    return broker

"""A chat in rooms: who is there, and what was said before."""

from txsockjs import Rejected
from txsockjs.rooms import Rooms, RoomsFactory

ROOMS = ("lobby", "tea")


def mayJoin(name: str, room: str) -> dict[str, str]:
    """Who is let in, and what the others are told of them."""
    if room not in ROOMS:
        raise Rejected(4404, f"There is no room {room!r}")
    return {"name": name}


def mayPublish(name: str, room: str, text: str) -> str:
    """What is said, in place of what was sent: nobody talks in another's name."""
    if room not in ROOMS or len(text) > 1000:
        raise Rejected(4403, "At most 1000 characters, in a room that there is")
    return f"{name}: {text}"


def makeChat(rooms: Rooms | None = None) -> RoomsFactory:
    return RoomsFactory(rooms, mayJoin, mayPublish)

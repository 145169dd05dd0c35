"""The messages that a session has in flight at once, and their bytes."""

from __future__ import annotations

import json
from itertools import cycle, islice

from benchmarks.client.websocket import clientFrame
from benchmarks.errors import WrongAnswer

LATIN = "The quick brown fox jumps over the lazy dog. "
#: Each takes two to four bytes in UTF-8, and none has to be escaped in JSON.
OTHERS = "Съешь ещё этих мягких французских булок. 色は匂へど散りぬるを 🦊🐶 "


def message(number: int, size: int, alphabet: str = LATIN) -> str:
    """
    A text of ``size`` bytes of UTF-8, different for each ``number``.

    It is filled up with dots where the next character would be too long.
    """
    text = f"{number:04d} "
    room = size - len(text)
    for character in islice(cycle(alphabet), room):
        room -= len(character.encode())
        if room < 0:
            break
        text += character
    return text + "." * (size - len(text.encode()))


class Burst:
    """
    Messages, and all that can be built of them before the clock runs.

    :ivar messages: what must come back, in this order.
    :ivar body: the messages as the body of one ``xhr_send``.
    :ivar frames: one masked WebSocket frame for each message, each a JSON array as
        ``sockjs-client`` sends it.
    """

    def __init__(
        self, count: int = 1, size: int = 64, alphabet: str = LATIN, first: int = 0
    ) -> None:
        self.messages = [
            message(number, size, alphabet) for number in range(first, first + count)
        ]
        self.body = encode(self.messages)
        self.plain = [encode([text]) for text in self.messages]
        self.frames = b"".join(map(clientFrame, self.plain))


def encode(messages: list[str]) -> bytes:
    """JSON as a browser writes it: nothing escaped that need not be."""
    return json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode()


def decode(payload: bytes) -> list[str]:
    """
    The messages in a JSON array.

    :raise WrongAnswer: it is something else.
    """
    try:
        messages = json.loads(payload)
    except ValueError:
        messages = None
    if not isinstance(messages, list) or not all(isinstance(m, str) for m in messages):
        raise WrongAnswer(f"not an array of strings: {payload[:80]!r}")
    return messages


def messagesIn(frame: bytes) -> list[str]:
    """
    The messages of one SockJS frame; none in a heartbeat or an opening frame.

    :raise WrongAnswer: it is a close frame, or no SockJS frame at all.
    """
    kind, rest = frame[:1], frame[1:]
    if kind == b"a":
        return decode(rest)
    if kind in (b"h", b"o") and not rest:
        return []
    raise WrongAnswer(f"not a SockJS message frame: {frame[:80]!r}")

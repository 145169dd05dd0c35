"""permessage-deflate: which offer is accepted. (RFC 7692)

Autobahn's own accepts or refuses a whole handshake by its first offer.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from txsockjs.deflate import Deflate
from txsockjs.options import SockJSOptions

_NAME: Final = "permessage-deflate"

# RFC 6455, section 9.1: the name of an extension, one parameter, and what is behind the
# last one. They are matched one after the other, so that the time is linear: possessive
# groups would do that in one, and match what they should not in CPython 3.11.2.
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SPACE: Final = r"[ \t]*"
_VALUE: Final = rf'(?:{_TOKEN}|"[^"\\]*(?:\\.[^"\\]*)*")'
_EXTENSION: Final = re.compile(rf"[ \t,]*({_TOKEN})")
_PARAMETER: Final = re.compile(
    rf"{_SPACE};{_SPACE}({_TOKEN})(?:{_SPACE}={_SPACE}({_VALUE}))?"
)
_END: Final = re.compile(rf"{_SPACE}(?:,|$)")

# How many extensions of a request are looked at.
_LOOKED_AT: Final = 16

# RFC 7692, section 7.1.2: no leading zeros.
_BITS: Final = re.compile(r"[89]|1[0-5]")

# What zlib can compress with.
_FEWEST_BITS: Final = 9
_MOST_BITS: Final = 15


class Agreement(NamedTuple):
    """
    What one connection compresses with.

    :ivar answer: the value of ``Sec-WebSocket-Extensions`` that says so.
    :ivar sent: the bits of the window of what is sent.
    :ivar received: those of what is received.
    :ivar keeps: whether the client goes on with the window of the message before.
    """

    answer: str
    sent: int
    received: int
    keeps: bool


def agree(options: SockJSOptions, header: str) -> Agreement | None:
    """
    Accept the first offer that can be, and decline the others. (RFC 7692, sections 5.1
    and 7)

    :param header: the value of ``Sec-WebSocket-Extensions``.
    :return: None if there is none: messages are not compressed.
    """
    position = 0
    for _ in range(_LOOKED_AT):
        offer = _read(header, position)
        if offer is None:
            # What is no extension is passed over.
            position = header.find(",", position) + 1
            if not position:
                break
            continue
        name, parameters, position = offer
        if name.lower() == _NAME:
            agreement = _accept(options, parameters)
            if agreement is not None:
                return agreement
    return None


def _read(header: str, position: int) -> tuple[str, list[tuple[str, str]], int] | None:
    """
    Read an extension.

    :return: its name, its parameters, and where it ends. None if there is none.
    """
    found = _EXTENSION.match(header, position)
    if found is None:
        return None
    place, parameters = found.end(), []
    while parameter := _PARAMETER.match(header, place):
        parameters.append((parameter[1], parameter[2] or ""))
        place = parameter.end()
    end = _END.match(header, place)
    return None if end is None else (found[1], parameters, end.end())


def _accept(
    options: SockJSOptions, parameters: list[tuple[str, str]]
) -> Agreement | None:
    # RFC 6455, section 9.1: what is in quotes is a token too, so it is not empty.
    offered = {name.lower(): value.strip('"') or value for name, value in parameters}
    # Section 7.1: a parameter that is there twice, that has no value where it needs one
    # or a value that it cannot have, or that is not known makes an offer unusable.
    if len(offered) < len(parameters):
        return None
    answer, sent = [_NAME], options.compression_window_bits
    received = _MOST_BITS
    for name, value in offered.items():
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value:
                return None
            answer.append(name)
        elif name == "server_max_window_bits":
            if not _BITS.fullmatch(value) or int(value) < _FEWEST_BITS:
                return None
            sent = min(sent, int(value))
            answer.append(f"{name}={sent}")
        elif name == "client_max_window_bits":
            if value and not _BITS.fullmatch(value):
                return None
            received = min(options.compression_window_bits, int(value or _MOST_BITS))
            if received < _MOST_BITS:
                answer.append(f"{name}={received}")
        else:
            return None
    return Agreement(
        "; ".join(answer),
        sent,
        # zlib makes 9 bits of 8 where it compresses.
        max(received, _FEWEST_BITS),
        "client_no_context_takeover" not in offered,
    )


def deflater(agreement: Agreement, options: SockJSOptions) -> Deflate:
    """
    What compresses and inflates as it was agreed.
    """
    return Deflate(
        agreement.sent,
        agreement.received,
        agreement.keeps,
        options.max_message_size,
        options.compression_memory_level,
    )

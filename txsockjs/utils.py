"""Helpers for applications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import ITransport

from txsockjs.core.frames import Message, encode
from txsockjs.messaging import MessageTransport


def broadcast(
    message: bytes | str, targets: Iterable[MessageTransport | ITransport]
) -> None:
    """
    Send one message to many transports. It is encoded once for all of them.

    :param message: text, or bytes as for ``write``.
    :param targets: the transports: SockJS sessions, each of which gets one message, and
        plain Twisted transports, which get the bytes. One that is gone is skipped.
    :raise TypeError: if ``message`` is neither bytes nor str.
    """
    if not isinstance(message, (bytes, str)):
        raise TypeError(f"broadcast takes bytes or str, not {type(message).__name__}")
    data = message if isinstance(message, bytes) else encode(message)
    prepared: dict[str, Message] = {}
    # A write may end a session, and the application then changes its collection.
    target: Any
    for target in list(targets):
        try:
            encoding = target.encoding
        except AttributeError:
            target.write(data)
            continue
        shared = prepared.get(encoding)
        if shared is None:
            shared = prepared[encoding] = (
                Message(message)
                if isinstance(message, str)
                else Message.fromBytes(message, encoding)
            )
        target.sendPrepared(shared)

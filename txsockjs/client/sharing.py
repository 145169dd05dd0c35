"""What the connections of clients with the same settings share.

As in `txsockjs.transports.socket`, these are attributes of a class. Autobahn copies
them to each connection: several kilobytes, before the first message.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from autobahn.twisted.websocket import WebSocketClientProtocol
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from autobahn.websocket.protocol import WebSocketClientFactory, WebSocketProtocol

from txsockjs.client.place import Settings
from txsockjs.client.socket import PER_MESSAGE, ClientSocket

# What Autobahn sets on a connection that is of no use, or that is made on demand.
_PER_CONNECTION: Final = ("utf8validator", "send_queue")


class _Shared(WebSocketClientFactory):  # type: ignore[misc]
    """
    What connections with the same settings share, as Autobahn has it.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(protocols=list(settings.subprotocols))

        def accept(response: object) -> PerMessageDeflateResponseAccept | None:
            if settings.compression and isinstance(response, PerMessageDeflateResponse):
                return PerMessageDeflateResponseAccept(response)
            return None

        self.setProtocolOptions(
            maxMessagePayloadSize=settings.max_message_size,
            perMessageCompressionAccept=accept,
            # RFC 6455, section 5.5.1: the answer to a close frame has its code.
            echoCloseCodeReason=True,
            # So nothing is read behind a fault. The fault is told all the same.
            failByDrop=True,
            # All that is timed is timed by a clock of ours.
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
        )


@lru_cache(maxsize=16)
def socketClass(settings: Settings) -> type[ClientSocket]:
    """
    A class that has what Autobahn would set on each connection.
    """
    template = object.__new__(WebSocketClientProtocol)
    template.factory = _Shared(settings)
    WebSocketProtocol._connectionMade(template)
    shared = {
        # A function on a class would become a method.
        name: staticmethod(value) if callable(value) else value
        for name, value in vars(template).items()
        if name not in _PER_CONNECTION + PER_MESSAGE
    }
    shared["settings"] = settings
    shared["extensions"] = (
        PerMessageDeflateOffer().get_extension_string() if settings.compression else ""
    )
    shared["__slots__"] = PER_MESSAGE
    return type("ClientSocket", (ClientSocket,), shared)

"""The carriers, by the names of their transports: `CARRIERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from txsockjs.client.interfaces import ICarried, ICarrier
from txsockjs.client.place import Place
from txsockjs.client.websocket import RawWebSocket, WebSocket
from txsockjs.client.xhr import XHRPolling, XHRStreaming

#: Makes what carries a session.
MakeCarrier: TypeAlias = Callable[[ICarried, Place], ICarrier]

#: The name of the raw WebSocket, which is no choice beside the others.
RAW: Final = "rawwebsocket"

#: What makes the carrier of each transport.
CARRIERS: Final[Mapping[str, MakeCarrier]] = {
    "websocket": WebSocket,
    RAW: RawWebSocket,
    XHRStreaming.name: XHRStreaming,
    XHRPolling.name: XHRPolling,
}

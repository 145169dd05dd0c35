"""How the sockets between workers are read: `readPlainly`."""

from __future__ import annotations

import sys
from typing import Any, Final

if sys.platform != "win32":
    from twisted.internet import unix

    _SOCKETS: Final[tuple[type, ...]] = (unix.Server, unix.Client)
else:
    _SOCKETS: Final[tuple[type, ...]] = ()


def readPlainly(transport: Any) -> None:
    """
    Have a UNIX socket be read as any other one, until `readAsEver`. Twisted looks for
    descriptors with every read, which takes as long again, and none come here.

    :param transport: any transport; those that are no UNIX sockets stay as they are.
    """
    if type(transport) not in _SOCKETS:
        return
    recv, size, ordinary = transport.socket.recv, transport.bufferSize, transport.doRead

    def doRead() -> Any:
        try:
            data = recv(size)
        except OSError:
            # It comes up again where Twisted handles it, as does the end.
            return ordinary()
        if not data:
            return ordinary()
        transport.protocol.dataReceived(data)
        return None

    transport.doRead = doRead


def readAsEver(transport: Any) -> None:
    """
    Undo that, when the connection is gone: nothing is to hold on to it.
    """
    if type(transport) in _SOCKETS:
        vars(transport).pop("doRead", None)

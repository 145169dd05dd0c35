"""What the service manager is told, as by ``sd_notify``: `notify`."""

from __future__ import annotations

import os
import socket

from twisted.logger import Logger

_log = Logger()


def notify(*states: str) -> None:
    """
    Tell systemd how this process is, where it has asked for that with ``Type=notify``.

    :param states: such as ``"READY=1"``.
    """
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    if place.startswith("@"):
        # A name that is none in the file system.
        place = "\0" + place[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
            telling.connect(place)
            telling.send("\n".join(states).encode("utf-8"))
    except OSError as error:
        _log.warn("The service manager cannot be told: {error}", error=error)

"""Which pages may read the status: `OwnOrigin`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from txsockjs.options import SockJSOptions
from txsockjs.origins import isHost, matches


class OwnOrigin:
    """Lets in the page that this server has served, and no other that the same browser
    shows. A name that is not ``localhost`` is to be in the list: any name can be made
    to lead here, by whoever has it (DNS rebinding), but an address cannot.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        """
        :param origins: those that the page has besides, such as behind a proxy.
        :raise OptionError: for what is no origin.
        """
        options = SockJSOptions.fromDict({"origins": list(origins)})
        self._allowed: Any = options.origins

    def __call__(self, origin: str, request: Any) -> bool:
        if matches(origin, self._allowed):
            return True
        if request is None:
            return False
        host = request.getHeader("Host") or ""
        scheme = "https" if request.isSecure() else "http"
        return isHost(origin, host, {scheme}) and _isHere(host)


def _isHere(host: str) -> bool:
    """
    Whether a header ``Host`` has an address, or the name of this machine to itself.
    """
    name = host.lower().rpartition("]")[0].removeprefix("[") or host.partition(":")[0]
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

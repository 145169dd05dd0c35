"""A Site for pages about services: `PageSite`."""

from __future__ import annotations

from txsockjs.factory import SockJSMultiFactory


class PageSite(SockJSMultiFactory):
    """
    A Site with the bounds of time and size of all those of this package, and without a
    service. Its requests are in no log.
    """

    noisy = False

    def bodyLimit(self, path: bytes) -> int:
        """
        Nobody has anything to say here.
        """
        return 0

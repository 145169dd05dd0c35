"""
A conformance suite for SockJS servers: one check for each clause of the protocol.

``txsockjs check URL`` is the command, `check` the same as a function. It needs no more
than an echo: what other services would show is skipped, and said so.
"""

from txsockjs.conformance.checking import check

__all__ = ["check"]

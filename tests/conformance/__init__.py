"""
A conformance suite for SockJS servers: one test per clause of the protocol.

C{python -m twisted.trial tests.conformance} tests a txsockjs server that each test
starts for itself; C{python -m tests.conformance URL} tests the server at a URL.
C{docs/conformance.rst} says what such a server must offer.
"""

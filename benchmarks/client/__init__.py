"""
The load client: raw non-blocking sockets and one epoll, so that it is cheaper than any
server that it drives.

  - L{benchmarks.client.loop}: the reactor, of some forty lines
  - L{benchmarks.client.connection}: one socket
  - L{benchmarks.client.websocket}, L{benchmarks.client.http}: bytes to frames and back
  - L{benchmarks.client.burst}: the messages, built beforehand
  - L{benchmarks.client.sockets}, L{benchmarks.client.streams}: the kinds of session
  - L{benchmarks.client.drivers}: who sends when, and what is counted
"""

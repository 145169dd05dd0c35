"""
The load client: raw non-blocking sockets and one epoll, so that it is cheaper than any
server that it drives.

  - `benchmarks.client.loop`: the reactor, of some forty lines
  - `benchmarks.client.connection`: one socket
  - `benchmarks.client.websocket`, `benchmarks.client.http`: bytes to frames and back
  - `benchmarks.client.burst`: the messages, built beforehand
  - `benchmarks.client.sockets`, `benchmarks.client.streams`: the kinds of session
  - `benchmarks.client.drivers`: who sends when, and what is counted
"""

"""
The yardstick: CPU time per message, ours against every other SockJS server, and against
other clients.

Run it with C{python -m benchmarks} or C{make bench}; C{docs/benchmarks.rst} tells what
is measured and why the figures may be trusted.

  - L{benchmarks.rows}: what is measured
  - L{benchmarks.peers}: which servers, and how they are installed and started
  - L{benchmarks.client}: the load
  - L{benchmarks.clients}: the clients that are measured themselves
  - L{benchmarks.measuring}: one row, one server, one figure
  - L{benchmarks.report}, L{benchmarks.picture}: what is printed and kept
"""

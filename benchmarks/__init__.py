"""
The yardstick: CPU time per message, ours against every other SockJS server, and against
other clients.

Run it with ``python -m benchmarks`` or ``make bench``; ``docs/benchmarks.rst`` tells
what is measured and why the figures may be trusted.

  - `benchmarks.rows`: what is measured
  - `benchmarks.peers`: which servers, and how they are installed and started
  - `benchmarks.client`: the load
  - `benchmarks.clients`: the clients that are measured themselves
  - `benchmarks.measuring`: one row, one server, one figure
  - `benchmarks.report`, `benchmarks.picture`: what is printed and kept
"""

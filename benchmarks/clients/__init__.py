"""
The programs of the rows that measure clients: one for each library, all of them against
the same server.

  - `benchmarks.clients.echoing`: what they do, and what is counted
"""

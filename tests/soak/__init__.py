"""Churn: sessions over all transports that come and go in every way, for a while.

``python -m tests.soak --minutes 5`` runs it against a server in a process of its own,
which must have at the end what it had at the beginning: `tests.soak.run`.
"""

"""
What can go wrong in a run.

  - ``BenchmarkError``: the measurement is void
      - ``WrongAnswer``: a server sent something else than the right answer
      - ``Stalled``: a server stopped answering
      - ``ServerFailed``: a server did not start, or ended by itself
      - ``ClientFailed``: a client that is measured got a wrong answer, or did not end
      - ``NotInstalled``: a peer could not be installed
"""


class BenchmarkError(Exception):
    """The measurement is void; the text says why."""


class WrongAnswer(BenchmarkError):
    """A server sent something else than the right answer."""


class Stalled(BenchmarkError):
    """A server stopped answering."""


class ServerFailed(BenchmarkError):
    """A server did not start, or ended by itself."""


class ClientFailed(BenchmarkError):
    """A client that is measured got a wrong answer, or did not end."""


class NotInstalled(BenchmarkError):
    """A peer could not be installed."""

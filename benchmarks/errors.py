"""
What can go wrong in a run.

  - C{BenchmarkError}: the run is void
      - C{WrongAnswer}: a server sent something else than the right answer
      - C{Stalled}: a server stopped answering
      - C{ServerFailed}: a server did not start, or ended by itself
      - C{ClientFailed}: a client that is measured got a wrong answer, or did not end
      - C{NotInstalled}: a peer could not be installed
"""


class BenchmarkError(Exception):
    """The run is void; the text says why."""


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

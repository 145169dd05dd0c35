"""
What can go wrong in a run.

  - C{BenchmarkError}: the run is void
      - C{WrongAnswer}: a server sent something else than the right answer
      - C{Stalled}: a server stopped answering
      - C{ServerFailed}: a server did not start, or ended by itself
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


class NotInstalled(BenchmarkError):
    """A peer could not be installed."""

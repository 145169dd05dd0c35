"""A Site whose access log does not stand in its way: `LoggedSite`."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.web import http
from twisted.web.resource import IResource
from twisted.web.server import Site

from txsockjs.clock import Clock


class LoggedSite(Site):
    """
    A Site that logs requests if that was asked for, and serves them where its log
    cannot be written.
    """

    _log = Logger()

    def __init__(
        self, resource: IResource, clock: Clock | None, **siteOptions: Any
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource, reactor=clock, **siteOptions
        )
        self._logFails = False
        #: Whether an access log was asked for.
        self.logs: bool = any(
            siteOptions.get(option) for option in ("logPath", "logFormatter")
        )

    def stopFactory(self) -> None:
        """
        Close the log.
        """
        try:
            super().stopFactory()
        except OSError as problem:
            # The last lines of the access log.
            self._cannotLog(problem)

    def clientOf(self, request: Any) -> IAddress:
        """
        Whose request it is, for the log.
        """
        raise NotImplementedError

    def log(self, request: http.Request) -> None:
        """
        Log a request, if an access log was asked for, with the client's own address,
        whatever formats the lines. Where that cannot be written, the request was served
        all the same.
        """
        if self.logs:
            socket = request.client
            try:
                request.client = self.clientOf(request)
                super().log(request)
            except Exception as problem:
                self._cannotLog(problem)
            else:
                if self._logFails:
                    self._logFails = False
                    self._log.info("The access log is written again.")
            finally:
                request.client = socket

    def reopenLog(self) -> bool:
        """
        Go on with the access log in a file of the same name: somebody has moved the
        other one away.

        :return: whether there is an access log.
        :raise OSError: if there can be no such file; then it goes on where it was.
        """
        former = getattr(self, "logFile", None)
        if self.logPath is None or former is None:
            return False
        self.logFile: Any = open(self.logPath, "a", 1, newline="\n")  # noqa: SIM115
        former.close()
        return True

    def _cannotLog(self, problem: Exception) -> None:
        if not self._logFails:
            self._logFails = True
            self._log.warn(
                "The access log cannot be written, and lines are lost: {problem}",
                problem=problem,
            )

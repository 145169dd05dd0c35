"""
A service beside the files of a directory, on one port.

    python static_files.py public
"""

import sys
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.protocols.wire import Echo
from twisted.web.server import Site

from txsockjs import SockJSResource
from txsockjs.files import PublicFile


async def main(
    reactor: Any, directory: str = ".", listen: str = "tcp:8080:interface=127.0.0.1"
) -> None:
    root = PublicFile(directory)
    root.putChild(b"echo", SockJSResource(Echo))
    site = Site(root, parsePOSTFormSubmission=False)
    port = await endpoints.serverFromString(reactor, listen).listen(site)
    print(f"Files at http://127.0.0.1:{port.getHost().port}/", flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])

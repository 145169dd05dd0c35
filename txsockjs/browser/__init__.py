"""The stock client for browsers, as a site serves it without a network:
`clientScript`."""

from __future__ import annotations

from typing import Final

from twisted.python.filepath import FilePath
from twisted.web.resource import IResource

from txsockjs.files import PublicFile

#: The script of sockjs-client. Its licences are beside it, in ``LICENSE.txt``.
CLIENT: Final = FilePath(__file__).sibling("sockjs.min.js")


def clientScript() -> IResource:
    """
    The script of sockjs-client, as a page loads it.

    :return: a Resource, for ``putChild(b"sockjs.min.js", clientScript())``.
    """
    return PublicFile(CLIENT.path, "text/javascript")

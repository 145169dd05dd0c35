"""The browser's side of `RoomsFactory <txsockjs.rooms.factory.RoomsFactory>`, to be
served beside it: `roomsScript`."""

from __future__ import annotations

from typing import Final

from twisted.python.filepath import FilePath
from twisted.web.resource import IResource

from txsockjs.files import PublicFile

#: The module. Its types are beside it.
SCRIPT: Final = FilePath(__file__).sibling("browser").child("rooms.js")


def roomsScript() -> IResource:
    """
    The ES module ``rooms.js``, as a page imports it. Its types are beside it in the
    package, in ``rooms.d.ts``, for an editor or a bundler.

    :return: a Resource, for ``putChild(b"rooms.js", roomsScript())``.
    """
    return PublicFile(SCRIPT.path, "text/javascript")

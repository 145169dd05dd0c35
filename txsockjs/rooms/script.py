"""The browser's side of `RoomsFactory <txsockjs.rooms.factory.RoomsFactory>`, to be
served beside it: `roomsScript`."""

from __future__ import annotations

from typing import Final

from twisted.python.filepath import FilePath
from twisted.web.resource import IResource

from txsockjs.files import PageFile

_BROWSER: Final = FilePath(__file__).sibling("browser")

# How each line ends with which the module names the one that it is made of, too.
_IMPORT: Final = b' from "./room.js";'


def roomsScript() -> IResource:
    """
    The ES module ``rooms.js``, as a page imports it: one module. In the package it is
    two, with their types beside them in ``rooms.d.ts``, for an editor or a bundler.

    :return: a Resource, for ``putChild(b"rooms.js", roomsScript())``.
    """
    lines = _BROWSER.child("rooms.js").getContent().splitlines()
    lines = [line for line in lines if not line.endswith(_IMPORT)]
    room = _BROWSER.child("room.js").getContent()
    return PageFile("rooms.js", b"\n".join((*lines, b"", room)))

"""What type checkers are told of interfaces, of which they know nothing by themselves.

To a type checker that has no plugin for zope's interfaces, nothing provides one. So
what we make, and Twisted takes as an interface, is derived from that interface, for
type checkers alone. Our own run of mypy has the plugin, which knows better:
``ZOPE_PLUGIN`` is ``always_true`` there.

Where a name is defined twice, mypy keeps the first definition, and pyright the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zope.interface import Interface

__all__ = [
    "Interface",
    "IsClientEndpoint",
    "IsProtocolFactory",
    "IsResource",
]

ZOPE_PLUGIN: Final = False

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
    from twisted.web.resource import IResource

    if not ZOPE_PLUGIN:

        class IsResource(IResource):
            """A Resource, for ``putChild`` and the like."""

        class IsProtocolFactory(IProtocolFactory):
            """A factory, for endpoints and the like."""

        class IsClientEndpoint(IStreamClientEndpoint):
            """An endpoint, for ``ClientService`` and the like."""

    if ZOPE_PLUGIN:

        class IsResource:  # type: ignore[no-redef,unused-ignore]
            """Nothing: the plugin knows."""

        class IsProtocolFactory:  # type: ignore[no-redef,unused-ignore]
            """Nothing: the plugin knows."""

        class IsClientEndpoint:  # type: ignore[no-redef,unused-ignore]
            """Nothing: the plugin knows."""

    if not ZOPE_PLUGIN:

        class Interface:  # type: ignore[no-redef]
            """What pyright takes for zope's, of which it knows no type."""

            @classmethod
            def providedBy(cls, ob: object) -> bool:
                """Whether an object provides it."""

            @classmethod
            def implementedBy(cls, ob: object) -> bool:
                """Whether the instances of a class provide it."""

        class IsResource(IResource):  # type: ignore[no-redef]
            """A Resource, for ``putChild`` and the like."""

        class IsProtocolFactory(IProtocolFactory):  # type: ignore[no-redef]
            """A factory, for endpoints and the like."""

        class IsClientEndpoint(IStreamClientEndpoint):  # type: ignore[no-redef]
            """An endpoint, for ``ClientService`` and the like."""

else:
    IsResource = IsProtocolFactory = IsClientEndpoint = object

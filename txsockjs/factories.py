"""What a service or a client can be given to make its protocols: `factoryOf`."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from twisted.internet import protocol
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)

#: What a client's session is given to.
ProtocolT = TypeVar("ProtocolT")
ClassT = TypeVar("ClassT", bound=protocol.Protocol)

_MadeT_co = TypeVar("_MadeT_co", covariant=True)


class ProtocolFactory(Protocol[_MadeT_co]):
    """
    What is used of a factory: any of Twisted's has it.
    """

    def buildProtocol(self, addr: Any, /) -> _MadeT_co | None:
        """
        Make the protocol of a session, or None to refuse it.
        """

    def doStart(self) -> Any:
        """
        Whoever uses it begins to.
        """

    def doStop(self) -> Any:
        """
        Whoever used it does so no longer.
        """


class ClientEndpoint(Protocol):
    """
    What is used of an endpoint that connects: any of Twisted's has it.
    """

    def connect(self, protocolFactory: Any) -> Any:
        """
        Connect.

        :return: a Deferred that fires with the protocol.
        """


#: What constructors take as such an endpoint, for type checkers with zope's plugin and
#: without it.
AnyClientEndpoint: TypeAlias = IStreamClientEndpoint | ClientEndpoint

#: What makes the protocols of sessions: a factory, or a Protocol class. A type checker
#: without zope's plugin knows what provides an interface only by one of the others.
ProtocolSource: TypeAlias = (
    ProtocolFactory[Any] | IProtocolFactory | type[protocol.Protocol]
)

_METHODS = ("buildProtocol", "doStart", "doStop")


def factoryOf(source: ProtocolSource) -> IProtocolFactory:
    """
    The factory that was given, or one whose protocols are of the class that was given.

    :raise TypeError: if it is neither; the message says what would do.
    """
    found: Any = source
    if isinstance(found, type):
        if IProtocol.implementedBy(found):
            made: Any = protocol.Factory.forProtocol(cast(Any, found))
            return cast(IProtocolFactory, made)
    elif all(callable(getattr(found, name, None)) for name in _METHODS):
        return cast(IProtocolFactory, found)
    raise TypeError(
        f"{found!r} is neither a factory nor a Protocol class; {_remedy(found)}"
    )


def _remedy(found: Any) -> str:
    if isinstance(found, type):
        if all(hasattr(found, name) for name in _METHODS):
            return f"give an instance, {found.__qualname__}()"
        if hasattr(found, "on_message"):
            return (
                "txsockjs.connection.ConnectionFactory makes a factory of a connection "
                "class"
            )
    elif IProtocol.providedBy(found):
        return f"give its class, {type(found).__qualname__}"
    elif iscoroutinefunction(found):
        return "txsockjs.handler makes a factory of an async function"
    return "give a Factory, such as Factory.forProtocol(MyProtocol), or MyProtocol"

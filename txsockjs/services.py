"""What ``twistd sockjs --service`` names: `loadService`."""

from __future__ import annotations

from traceback import extract_tb
from typing import Any

from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.python import reflect

from txsockjs.connection import ConnectionFactory, SockJSConnection


def loadService(value: str) -> IProtocolFactory:
    """
    The factory for a service.

    :param value: the dotted name of a Factory class or instance, a Protocol class, a
        `SockJSConnection` class, or something that returns one of these when it is
        called with no argument.
    :raise ValueError: if the name leads to no such thing; the message is one line that
        says where it failed.
    """
    try:
        found = reflect.namedAny(value)
        factory = _asFactory(found)
        if factory is None and callable(found):
            found = found()
            factory = _asFactory(found)
    except (reflect.ModuleNotFound, reflect.ObjectNotFound):
        # Both mean the first part; what is wrong with a later one is another error.
        raise ValueError(f"there is no module {value.partition('.')[0]!r}") from None
    except Exception as error:
        raise ValueError(_oneLine(error)) from error
    if factory is None:
        raise ValueError(
            f"{found!r} is neither a Factory class or instance, nor a Protocol class, "
            "nor a SockJSConnection class, nor a callable that returns one of them"
        )
    return factory


def _asFactory(found: Any) -> IProtocolFactory | None:
    factory: IProtocolFactory | None = None
    if isinstance(found, type):
        make: Any = found
        if IProtocolFactory.implementedBy(found):
            factory = make()
        elif issubclass(found, SockJSConnection):
            factory = ConnectionFactory(found)
        elif IProtocol.implementedBy(found):
            factory = Factory.forProtocol(make)
    elif IProtocolFactory.providedBy(found):
        factory = found
    return factory


def _oneLine(error: Exception) -> str:
    """
    An error without its traceback, but for the last line of it in somebody's own code.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    places = [
        f" ({frame.filename}, line {frame.lineno})"
        for frame in extract_tb(error.__traceback__)
        if frame.filename not in (__file__, reflect.__file__)
        and not frame.filename.startswith("<")
    ]
    return text + (places[-1] if places else "")

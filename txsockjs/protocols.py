"""A Protocol whose transport the type checker knows: `SockJSProtocol`."""

from __future__ import annotations

from typing import Any, Generic

from twisted.internet.protocol import Protocol
from typing_extensions import TypeVar
from zope.interface import classImplements

from txsockjs.core.frames import encode
from txsockjs.interfaces import ISockJSBinaryReceiver, ISockJSMessageReceiver
from txsockjs.request import OpeningRequest
from txsockjs.transport import AvatarT, SessionTransport

_TransportT = TypeVar("_TransportT")


class MessageProtocol(Protocol, Generic[_TransportT]):
    """
    What the protocols of both ends have: override the one of `dataReceived`,
    `messageReceived` and `binaryReceived` that you want. It is what differs from
    Twisted's own Protocol, with which a session works as well.

    :ivar transport: the session.
    """

    transport: _TransportT  # type: ignore[assignment]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.binaryReceived is not MessageProtocol.binaryReceived:
            classImplements(cls, ISockJSBinaryReceiver)  # type: ignore[misc]
        elif cls.messageReceived is not MessageProtocol.messageReceived:
            classImplements(cls, ISockJSMessageReceiver)  # type: ignore[misc]

    def messageReceived(self, message: str) -> None:
        """
        One message came in, as `ISockJSMessageReceiver.messageReceived` says. A class
        that overrides it gets text; any other gets `dataReceived`.
        """
        self.dataReceived(encode(message))

    def binaryReceived(self, data: bytes) -> None:
        """
        One binary message came in, as `ISockJSBinaryReceiver.binaryReceived` says. A
        class that overrides it is told which messages were binary; any other is not.
        """
        self.dataReceived(data)


class SockJSProtocol(MessageProtocol[SessionTransport[AvatarT]], Generic[AvatarT]):
    """
    A session at the server's end::

        class Greeter(SockJSProtocol[User]):
            def connectionMade(self) -> None:
                self.transport.sendMessage(f"Hello, {self.avatar.name}!")

        site = SockJSFactory(Greeter, {"authorize": authorize})

    ``SockJSProtocol`` without a parameter has an avatar of any type.
    """

    @property
    def request(self) -> OpeningRequest:
        """
        The request that opened the session.
        """
        return self.transport.request

    @property
    def avatar(self) -> AvatarT:
        """
        Who is calling: what the option ``authorize`` returned.
        """
        return self.transport.avatar

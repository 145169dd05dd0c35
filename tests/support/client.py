"""A client without a network: carriers that do what a test says, and a web that answers
with what it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txsockjs.client.interfaces import ICarried, ICarrier
from txsockjs.client.place import Place, Settings
from txsockjs.client.session import ClientSession
from txsockjs.client.states import State
from txsockjs.client.transport import ClientTransport
from txsockjs.interfaces import ISockJSMessageReceiver

SERVER = IPv4Address("TCP", "192.0.2.1", 80)
CLIENT = IPv4Address("TCP", "192.0.2.7", 50000)


@implementer(ICarrier)
class ScriptedCarrier:
    """
    A carrier whose network is the test.

    :ivar calls: what the session has called, with what.
    :ivar sent: the messages that it was given.
    """

    def __init__(self, session: ICarried, place: Place) -> None:
        self.session = session
        self.place = place
        self.calls: list[Any] = []
        self.sent: list[str | bytes] = []
        self.pending = 0
        self.peer: Any = SERVER
        self.host: Any = CLIENT
        self.certificate: Any = None
        self.subprotocol: str | None = None
        # Whether its network is quick to let go.
        self.quick = True

    def start(self) -> None:
        self.calls.append("start")

    def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        self.calls.append(("close", code, reason))
        if self.quick:
            self.place.clock.callLater(0, self.lose, ConnectionDone())

    def abort(self) -> None:
        self.calls.append("abort")
        if self.quick:
            self.place.clock.callLater(0, self.lose, ConnectionAborted())

    def pauseReceiving(self) -> None:
        self.calls.append("pause")

    def resumeReceiving(self) -> None:
        self.calls.append("resume")

    def lose(self, error: Exception) -> None:
        """
        The network is gone, unless it was already.
        """
        if "lost" not in self.calls:
            self.calls.append("lost")
            self.session.carrierLost(Failure(error))

    def say(self, *frames: str) -> None:
        """
        Frames come in.
        """
        for frame in frames:
            self.session.carrierFrame(frame)

    def drain(self) -> None:
        """
        The network takes all.
        """
        self.pending = 0
        self.session.carrierDrained()


class ScriptedResponse:
    """
    An answer, whose body comes when a test says so.

    :ivar whole: the body to be.
    :ivar dropped: whether its connection was given up.
    """

    def __init__(self, code: int) -> None:
        self.code = code
        self.status = f"{code} Status"
        self.connection = self
        self.dropped = False
        self.whole: Deferred[bytes] = Deferred(lambda whole: self.abort())

    def abort(self) -> None:
        self.dropped = True

    def read(self, limit: int) -> Deferred[bytes]:
        return self.whole


class ScriptedWeb:
    """
    The HTTP side of a client.

    :ivar body: what it answers.
    :ivar asked: each request.
    :ivar closed: how often it was closed.
    """

    def __init__(self, body: bytes | None = b'{"websocket": true}', code: int = 200):
        """
        :param body: the answer's, or None: it does not come.
        :param code: the answer's status.
        """
        self.body = body
        self.code = code
        self.asked: list[tuple[str, str]] = []
        self.closed = 0
        self.error: Exception | None = None
        self.responses: list[ScriptedResponse] = []

    def request(self, method: str, url: str, **how: Any) -> Deferred[Any]:
        self.asked.append((method, url))
        if self.error is not None:
            return fail(self.error)
        response = ScriptedResponse(self.code)
        self.responses.append(response)
        if self.body is not None:
            response.whole.callback(self.body)
        return succeed(response)

    def endpointFor(self, url: str) -> IStreamClientEndpoint:
        raise NotImplementedError

    def headersFor(self, url: str) -> dict[str, str]:
        return {}

    def keepCookies(self, url: str, rawHeaders: Headers) -> None:
        raise NotImplementedError

    def close(self) -> Deferred[None]:
        self.closed += 1
        return succeed(None)


class Recorder(Protocol):
    """
    A protocol that keeps what it hears.

    :ivar heard: the messages.
    :ivar lost: the reasons of its end.
    :ivar then: called with each message.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.made = 0
        self.heard: list[Any] = []
        self.lost: list[Any] = []
        self.then: Callable[[Any], None] = lambda message: None

    def connectionMade(self) -> None:
        self.made += 1

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        self.then(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.value)


@implementer(ISockJSMessageReceiver)
class TextRecorder(Recorder):
    """
    The same, of text.
    """

    def messageReceived(self, message: str) -> None:
        self.dataReceived(message)  # type: ignore[arg-type]


class RecorderFactory(Factory):
    """
    Makes them, and counts how often it was started and stopped.
    """

    noisy = False

    def __init__(self, kind: type[Recorder] = Recorder) -> None:
        self.kind = kind
        self.made: list[Recorder] = []
        self.life: list[str] = []

    def startFactory(self) -> None:
        self.life.append("start")

    def stopFactory(self) -> None:
        self.life.append("stop")

    def buildProtocol(self, addr: Any) -> Recorder:
        assert addr is SERVER
        protocol = self.kind()
        self.made.append(protocol)
        return protocol


def turn(clock: Clock) -> None:
    """
    Let the turns of the reactor pass that are due.
    """
    for _ in range(5):
        clock.advance(0)


class SessionTestCase(SynchronousTestCase):
    """
    A session that is not open yet.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def start(self, roundTrip: float | None = None, **settings: Any) -> None:
        place = Place(
            "http://sockjs.example/0/s",
            ScriptedWeb(),
            self.clock,
            Settings(**settings),
            roundTrip,
        )
        self.session = ClientSession(place)
        self.carrier = ScriptedCarrier(self.session, place)
        self.opening = self.session.open(self.carrier)

    def open(self, kind: type[Recorder] = Recorder, **settings: Any) -> None:
        """
        Open it, and connect a protocol.
        """
        self.start(**settings)
        self.protocol = kind()
        self.opening.addCallback(
            lambda _: self.session.attach(
                ClientTransport(
                    self.session, self.protocol, "cp1252", self.carrier, "websocket"
                )
            )
        )
        if settings.get("raw"):
            self.session.carrierConnected()
        else:
            self.carrier.say("o")
        self.transport = self.protocol.transport
        turn(self.clock)

    def assertOver(self, kind: type[Exception], text: str = "") -> Any:
        """
        The application was told of the end, once, and nothing is left.
        """
        turn(self.clock)
        [reason] = self.protocol.lost
        self.assertIs(type(reason), kind)
        self.assertIn(text, str(reason))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(self.session.state, State.OVER)
        self.successResultOf(self.session.gone)
        return reason

"""Finding the transport that works, with transports that do what the test says."""

from __future__ import annotations

from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionLost, NoProtocol
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import (
    CLIENT,
    SERVER,
    RecorderFactory,
    ScriptedCarrier,
    ScriptedWeb,
    TextRecorder,
    turn,
)
from txsockjs.client.endpoint import Connector
from txsockjs.client.place import Settings
from txsockjs.client.url import SockJSURL
from txsockjs.errors import (
    AllTransportsFailed,
    ConnectFailed,
    InfoFailed,
    RequestFailed,
    SessionClosed,
    SessionRefused,
    TransportFailed,
)

#: What an attempt has where info came at once: two trips.
ATTEMPT = 0.6


class EndpointTestCase(SynchronousTestCase):
    """
    An endpoint whose carriers and web are the test's.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.web = ScriptedWeb()
        self.factory = RecorderFactory()
        self.carriers: list[tuple[str, ScriptedCarrier]] = []

    def endpoint(
        self, url: str = "http://sockjs.example/echo", **settings: Any
    ) -> Connector:
        def maker(name: str) -> Any:
            def make(session: Any, place: Any) -> ScriptedCarrier:
                carrier = ScriptedCarrier(session, place)
                self.carriers.append((name, carrier))
                return carrier

            return make

        names = "websocket", "rawwebsocket", "xhr-streaming", "xhr-polling"
        return Connector(
            self.clock,
            SockJSURL.parse(url),
            Settings(**settings),
            self.web,
            {name: maker(name) for name in names},
        )

    def connect(self, *url: str, **settings: Any) -> Deferred[Any]:
        return self.endpoint(*url, **settings).connect(self.factory)

    @property
    def names(self) -> list[str]:
        """
        What was tried.
        """
        return [name for name, _ in self.carriers]

    @property
    def last(self) -> ScriptedCarrier:
        """
        What is being tried.
        """
        return self.carriers[-1][1]

    def assertClean(self) -> None:
        """
        Nothing is left behind.
        """
        turn(self.clock)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.factory.life, ["start", "stop"])
        self.assertEqual(self.web.closed, 1)
        for _, carrier in self.carriers:
            self.assertEqual(carrier.calls[-1], "lost")


class ConnectTests(EndpointTestCase):
    def test_connect(self) -> None:
        """
        It fires with the protocol, connected, when the server opens the session.
        """
        connecting = self.connect()
        self.assertEqual(self.names, ["websocket"])
        self.assertNoResult(connecting)
        self.last.say("o", 'a["1"]')
        protocol = self.successResultOf(connecting)
        self.assertEqual(self.factory.made, [protocol])
        turn(self.clock)
        self.assertEqual((protocol.made, protocol.heard), (1, [b"1"]))
        transport = protocol.transport
        self.assertEqual((transport.getPeer(), transport.getHost()), (SERVER, CLIENT))
        self.assertEqual(transport.transportName, "websocket")
        self.assertFalse(ISSLTransport.providedBy(transport))
        self.assertEqual(self.factory.life, ["start"])
        transport.loseConnection()
        self.assertClean()
        self.assertEqual([type(reason) for reason in protocol.lost], [SessionClosed])
        self.assertEqual((transport.getPeer(), transport.getHost()), (SERVER, CLIENT))

    def test_url(self) -> None:
        """
        Each attempt has a session of its own, where info says that they are.
        """
        self.connect()
        pattern = "http://sockjs.example/echo/[0-9]{3}/[0-9a-f]{32}$"
        self.assertRegex(self.last.place.url, pattern)
        first = self.last.place.url
        self.clock.advance(ATTEMPT)
        self.assertRegex(self.last.place.url, pattern)
        self.assertNotEqual(self.last.place.url, first)
        self.web.body = b'{"base_url": "https://other.example/x"}'
        self.connect("http://sockjs.example/echo?token=1")
        self.assertEqual(
            self.web.asked[-1][1], "http://sockjs.example/echo/info?token=1"
        )
        self.assertRegex(self.last.place.url, "https://other.example/x/[0-9]{3}/")

    def test_query(self) -> None:
        """
        The query of the URL goes to the session, too.
        """
        self.connect("http://sockjs.example/echo?token=1")
        self.assertTrue(self.last.place.at("xhr").endswith("/xhr?token=1"))

    def test_secure(self) -> None:
        """
        Over TLS, the protocol can ask for the server's certificate.
        """
        connecting = self.connect("https://sockjs.example/echo")
        self.last.certificate = object()
        self.last.subprotocol = "chat"
        self.last.say("o")
        transport = self.successResultOf(connecting).transport
        self.assertTrue(ISSLTransport.providedBy(transport))
        self.assertIs(transport.getPeerCertificate(), self.last.certificate)
        self.assertEqual(transport.subprotocol, "chat")

    def test_raw(self) -> None:
        """
        A raw WebSocket needs no info. It is at the base URL, and has all the time that
        there is.
        """
        connecting = self.connect(raw=True, timeout=20)
        self.assertEqual((self.web.asked, self.names), ([], ["rawwebsocket"]))
        self.assertEqual(self.last.place.url, "http://sockjs.example/echo/websocket")
        self.clock.advance(19)
        self.last.session.carrierConnected()
        protocol = self.successResultOf(connecting)
        protocol.transport.sendBinary(b"\xff")
        self.assertEqual(self.last.sent, [b"\xff"])

    def test_noProtocol(self) -> None:
        """
        A factory that makes no protocol has the session dropped.
        """
        self.factory.buildProtocol = lambda addr: None  # type: ignore[assignment,method-assign,return-value]
        connecting = self.connect()
        self.last.say("o")
        turn(self.clock)
        self.failureResultOf(connecting, NoProtocol)
        self.assertClean()

    def test_factoryRaises(self) -> None:
        """
        So has one that raises.
        """
        connecting = self.endpoint().connect(Factory.forProtocol(lambda: [][0]))
        self.last.say("o")
        turn(self.clock)
        self.failureResultOf(connecting, IndexError)
        self.assertEqual(self.last.calls, ["start", "abort", "lost"])

    def test_shared(self) -> None:
        """
        An endpoint connects any number of times; the HTTP side is closed behind the
        last one.
        """
        endpoint = self.endpoint()
        protocols = []
        for _ in range(2):
            connecting = endpoint.connect(self.factory)
            self.last.say("o")
            protocols.append(self.successResultOf(connecting))
        for protocol in protocols:
            self.assertEqual(self.web.closed, 0)
            protocol.transport.abortConnection()
            turn(self.clock)
        self.assertEqual(self.web.closed, 1)


class FallbackTests(EndpointTestCase):
    def test_next(self) -> None:
        """
        What fails is followed by the next at once.
        """
        connecting = self.connect()
        self.last.lose(TransportFailed("the proxy knows no WebSocket"))
        self.assertEqual(self.names, ["websocket", "xhr-streaming"])
        self.last.say('c[2010,"Another connection still open"]')
        self.assertEqual(self.names[2:], ["xhr-polling"])
        self.last.say("o")
        protocol = self.successResultOf(connecting)
        self.assertEqual(protocol.transport.transportName, "xhr-polling")
        protocol.transport.abortConnection()
        self.assertClean()

    def test_late(self) -> None:
        """
        An attempt has two trips; what comes behind is too late.
        """
        connecting = self.connect()
        self.clock.advance(ATTEMPT - 0.01)
        self.assertEqual(self.names, ["websocket"])
        self.clock.advance(0.01)
        self.assertEqual(self.names, ["websocket", "xhr-streaming"])
        self.assertIn("abort", self.carriers[0][1].calls)
        self.carriers[0][1].say("o")
        self.assertNoResult(connecting)
        self.last.say("o")
        self.successResultOf(connecting)

    def test_roundTrip(self) -> None:
        """
        How long a trip takes is measured on info.
        """
        self.web.body = None
        self.connect()
        self.clock.advance(0.5)
        self.web.responses[0].whole.callback(b"{}")
        self.assertEqual(self.last.place.roundTrip, 0.5)
        self.clock.advance(3.9)
        self.assertEqual(len(self.carriers), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.carriers), 2)

    def test_attemptTimeout(self) -> None:
        """
        The user may give an attempt more time than that, never less.
        """
        self.connect(attempt_timeout=5)
        self.clock.advance(4.9)
        self.assertEqual(len(self.carriers), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.carriers), 2)

    def test_all(self) -> None:
        """
        When none works, the error says so of each.
        """
        connecting = self.connect()
        self.last.lose(TransportFailed("no WebSocket here: 404"))
        self.last.say('c[1002,"Oh"]')
        self.clock.advance(ATTEMPT)
        turn(self.clock)
        error = self.failureResultOf(connecting, AllTransportsFailed).value
        self.assertEqual(
            str(error),
            "no transport to http://sockjs.example/echo works: websocket: no WebSocket "
            "here: 404; xhr-streaming: the server closed it: 1002 'Oh'; xhr-polling: "
            "timed out after 0.6 s; attempt_timeout allows it more",
        )
        self.assertEqual([name for name, _ in error.failures], self.names)
        self.assertIsInstance(error, ConnectError)
        self.assertClean()

    def test_noWebSocket(self) -> None:
        """
        What the service does not offer is not tried, and told.
        """
        self.web.body = b'{"websocket": false}'
        connecting = self.connect(transports=["websocket"])
        turn(self.clock)
        error = self.failureResultOf(connecting, AllTransportsFailed).value
        self.assertIn("websocket: the server offers none", str(error))
        self.connect()
        self.assertEqual(self.names, ["xhr-streaming"])

    def test_order(self) -> None:
        """
        The user says which are tried, and in what order.
        """
        connecting = self.connect(transports="xhr-polling,websocket")
        for _ in range(2):
            self.last.lose(ValueError("no"))
        turn(self.clock)
        self.assertEqual(self.names, ["xhr-polling", "websocket"])
        self.failureResultOf(connecting, AllTransportsFailed)

    def test_refused(self) -> None:
        """
        Where the server's application says no, no other transport is tried.
        """
        connecting = self.connect()
        self.last.say('c[4401,"Unauthorized"]')
        turn(self.clock)
        error = self.failureResultOf(connecting, SessionRefused).value
        self.assertEqual((error.code, error.reason), (4401, "Unauthorized"))
        self.assertIsInstance(error, ConnectError)
        self.assertEqual(self.names, ["websocket"])
        self.assertClean()

    def test_info(self) -> None:
        """
        Without info there is nothing to try.
        """
        self.web.error = RequestFailed("sockjs.example:80: connection refused")
        connecting = self.connect()
        turn(self.clock)
        self.failureResultOf(connecting, InfoFailed)
        self.assertClean()


class TimeTests(EndpointTestCase):
    def test_timeout(self) -> None:
        """
        All of it has a time, and the error tells what was tried in it.
        """
        connecting = self.connect(timeout=10, attempt_timeout=8)
        self.last.lose(ValueError("no WebSocket"))
        self.clock.advance(7)
        self.assertNoResult(connecting)
        self.clock.advance(1)
        self.assertEqual(self.names[-1], "xhr-polling")
        self.clock.advance(2)
        turn(self.clock)
        error = self.failureResultOf(connecting, ConnectFailed).value
        self.assertIn("within 10 s (timeout); websocket: no WebSocket; ", str(error))
        self.assertClean()

    def test_infoTimeout(self) -> None:
        """
        So has info.
        """
        self.web.body = None
        connecting = self.connect(info_timeout=2)
        self.clock.advance(2)
        turn(self.clock)
        self.failureResultOf(connecting, InfoFailed)
        self.assertClean()

    def test_cancelInfo(self) -> None:
        """
        To cancel it while info is on its way leaves nothing behind.
        """
        self.web.body = None
        connecting = self.connect()
        connecting.cancel()
        turn(self.clock)
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(self.web.responses[0].dropped)
        self.assertClean()

    def test_cancelAttempt(self) -> None:
        """
        Nor does it while a transport is tried. It is told when that is gone.
        """
        connecting = self.connect()
        self.clock.advance(ATTEMPT)
        self.last.quick = False
        connecting.cancel()
        turn(self.clock)
        self.assertNoResult(connecting)
        self.assertIn("abort", self.last.calls)
        self.last.lose(ConnectionLost())
        turn(self.clock)
        self.failureResultOf(connecting, CancelledError)
        self.assertClean()


class ServiceTests(EndpointTestCase):
    def test_reconnects(self) -> None:
        """
        Twisted's ClientService connects again when the session is lost, when the
        network fails, and not before its time.
        """
        service = ClientService(
            self.endpoint(), self.factory, retryPolicy=lambda n: 10.0, clock=self.clock
        )
        service.startService()
        first = service.whenConnected()
        self.last.say("o")
        self.assertIs(self.successResultOf(first), self.factory.made[0])
        self.last.say('c[3000,"Go away!"]')
        turn(self.clock)
        self.assertEqual(len(self.factory.made[0].lost), 1)
        self.clock.advance(9)
        self.assertEqual(len(self.carriers), 1)
        self.web.error = RequestFailed("down")
        self.clock.advance(1)
        turn(self.clock)
        self.assertEqual(len(self.web.asked), 2)
        self.web.error = None
        self.clock.advance(10)
        self.assertEqual(len(self.carriers), 2)
        self.last.say("o")
        self.assertEqual(len(self.factory.made), 2)
        stopped = service.stopService()
        turn(self.clock)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.last.calls[-1], "lost")

    def test_text(self) -> None:
        """
        A protocol that takes text gets it, though the service wraps it.
        """
        self.factory = RecorderFactory(TextRecorder)
        service = ClientService(self.endpoint(), self.factory, clock=self.clock)
        service.startService()
        self.last.say("o", 'a["é"]')
        turn(self.clock)
        self.assertEqual(self.factory.made[0].heard, ["é"])
        service.stopService()
        self.assertClean()

    def test_stopWhileConnecting(self) -> None:
        """
        To stop the service gives up an attempt.
        """
        service = ClientService(self.endpoint(), self.factory, clock=self.clock)
        service.startService()
        stopped = service.stopService()
        turn(self.clock)
        self.successResultOf(stopped)
        self.assertClean()

"""Tests for the option ``subprotocols``: what a WebSocket's two ends agree to speak."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request, Site

from tests.fuzz import examples
from tests.support.client import Recorder
from tests.support.serving import ORIGIN, ServiceCase
from tests.support.sockets import upgrade
from txsockjs import Rejected, SockJSResource
from txsockjs.subprotocols import firstOf, isName, offered
from txsockjs.testing import MemoryReactor, MemorySite, MemorySockJSEndpoint

BOTH = ["/0/s/websocket", "/websocket"]
STOMP = ["v12.stomp", "v11.stomp", "v10.stomp"]


def last(offers: tuple[str, ...]) -> str:
    """
    The one that a client likes least.
    """
    return offers[-1]


def anyway(chosen: object, offers: tuple[str, ...]) -> object:
    """
    What is chosen, whatever is offered.
    """
    return chosen


class ListTests(SynchronousTestCase):
    """
    `txsockjs.subprotocols`.
    """

    def test_isName(self) -> None:
        """
        A name is a token. (RFC 9110, section 5.6.2)
        """
        for name in ("mqtt", "v12.stomp", "soap", "!#$%&'*+-.^_`|~", "7"):
            self.assertTrue(isName(name), name)
        for name in ("", "a b", "a,b", "a/b", "a:b", '"a"', "\xe9", "a\n", "(a)"):
            self.assertFalse(isName(name), name)

    def test_offered(self) -> None:
        """
        Several headers are one list, in order; what is empty in it is passed over.
        """
        for values, names in (
            ([b"a"], ("a",)),
            ([b"b, a"], ("b", "a")),
            ([b"b,\ta ,c", b"d"], ("b", "a", "c", "d")),
            ([b"", b" , a,,"], ("a",)),
            ([b""], ()),
        ):
            self.assertEqual(offered(values), names)

    def test_notOffered(self) -> None:
        """
        A list with what is no name, or with one twice, is none.
        """
        for values in [b"a b"], [b"a, b, a"], [b"a", b"a"], [b"\xe9"], [b'"a"']:
            self.assertRaises(ValueError, offered, values)

    @examples()
    @given(st.lists(st.binary(max_size=6) | st.sampled_from([b"a,b", b"b ,", b"mqtt"])))
    def test_anything(self, values: list[bytes]) -> None:
        """
        Whatever a client sends is a list of distinct names, or none.
        """
        try:
            names = offered(values)
        except ValueError:
            return
        self.assertTrue(all(map(isName, names)))
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual(offered([", ".join(names).encode("ascii")]), names)

    def test_firstOf(self) -> None:
        """
        The order is that of those that are wanted. Case counts.
        """
        self.assertEqual(firstOf(["a", "b"], ["b", "a"]), "a")
        self.assertEqual(firstOf(["a", "b"], ["c", "b"]), "b")
        self.assertIsNone(firstOf(["a"], ["A"]))
        self.assertIsNone(firstOf([], ["a"]))


class SubprotocolCase(ServiceCase):
    """
    A service, and the handshakes that it gets.
    """

    def shake(self, path: str, *offers: str, **headers: str) -> bytes:
        """
        The head of the answer to a handshake, which offers what is in each header.
        """
        lines = upgrade(path, headers)[:-2]
        for offer in offers:
            lines += f"Sec-WebSocket-Protocol: {offer}\r\n".encode("latin-1")
        self.connection = self.connect()
        self.connection.send(lines + b"\r\n")
        return self.connection.received.partition(b"\r\n\r\n")[0]

    def assertAgreed(self, expected: str | None, *offers: str) -> None:
        """
        On either WebSocket the answer names what was agreed to, and nothing where that
        is nothing; and so does what the application has.
        """
        for path in BOTH:
            head = self.shake(path, *offers)
            self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
            found = [
                line.partition(b": ")[2].decode()
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-protocol:")
            ]
            self.assertEqual(found, [] if expected is None else [expected])
            request = self.sessions[-1].transport.request
            self.assertEqual(request.subprotocol, expected)


class AgreeingTests(SubprotocolCase):
    """
    What is agreed to. (RFC 6455, section 4.2.2)
    """

    def test_preference(self) -> None:
        """
        The first of the service's names that is offered is taken.
        """
        self.serve(subprotocols=STOMP)
        self.assertAgreed("v12.stomp", "v10.stomp, v11.stomp, v12.stomp")
        self.assertAgreed("v11.stomp", "v10.stomp", "v11.stomp")
        self.assertAgreed("v10.stomp", "mqtt, v10.stomp")

    def test_none(self) -> None:
        """
        Where nothing that is offered is spoken here, or nothing is offered, the answer
        says nothing: whether that will do is for the client to decide.
        """
        self.serve(subprotocols=STOMP)
        for offers in ["mqtt"], ["V12.STOMP"], ["v12"], [""], []:
            self.assertAgreed(None, *offers)

    def test_unset(self) -> None:
        """
        Without the option no offer is looked at, not even one that is not in order.
        """
        self.serve()
        for offer in "v12.stomp", "a, a", "(":
            self.assertAgreed(None, offer)

    def test_broken(self) -> None:
        """
        400 for an offer that is not in order (RFC 6455, section 4.1), and no session.
        """
        self.serve(subprotocols=STOMP)
        for path in BOTH:
            for offer in (
                "v12.stomp, v12.stomp",
                "v12.stomp mqtt",
                '"v12.stomp"',
                "\xe9",
            ):
                self.assertTrue(self.shake(path, offer).startswith(b"HTTP/1.1 400 "))
        self.assertEqual(self.sessions, [])

    def test_overHTTP(self) -> None:
        """
        HTTP has no subprotocols, whatever a request says.
        """
        self.serve(subprotocols=STOMP)
        headers = {"Sec-WebSocket-Protocol": "v12.stomp"}
        response = self.post("/0/s/xhr", b"", headers)
        self.assertHeaders(response, Sec_WebSocket_Protocol=None)
        self.assertIsNone(self.sessions[0].transport.request.subprotocol)

    def test_compression(self) -> None:
        """
        An extension is agreed to beside.
        """
        self.serve(subprotocols=STOMP, compression=True)
        extension = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        head = self.shake(BOTH[1], "v12.stomp", **extension)
        self.assertIn(b"\r\nSec-WebSocket-Protocol: v12.stomp\r\n", head + b"\r\n")
        self.assertIn(b"\r\nSec-WebSocket-Extensions: permessage-deflate", head)

    def test_authorize(self) -> None:
        """``authorize`` knows what was agreed to, and can refuse whoever agreed to
        nothing.
        """

        def needed(request: Any) -> None:
            if request.subprotocol is None:
                raise Rejected(4406, "Speak STOMP")

        self.serve(subprotocols=STOMP, authorize=needed)
        self.shake(BOTH[0], "mqtt")
        self.assertIn(b'c[4406,"Speak STOMP"]', self.connection.received)
        self.shake(BOTH[0], "v12.stomp")
        self.assertTrue(self.connection.received.endswith(b"o"))

    def test_besideOthers(self) -> None:
        """
        There is one answer, where a Resource above has written one of its own, too.
        """

        class Above(SockJSResource):
            def render(self, request: Request) -> Any:
                request.setHeader(b"sec-websocket-protocol", b"mqtt")
                return super().render(request)

        reactor = MemoryReactor()
        factory = Factory.forProtocol(Echo)
        above = Above(factory, {"subprotocols": STOMP}, clock=reactor)
        self.listen(Site(above, reactor=reactor))
        head = self.shake(BOTH[1], "v12.stomp").lower()
        self.assertEqual(head.count(b"sec-websocket-protocol:"), 1)
        self.assertIn(b"sec-websocket-protocol: v12.stomp", head)


class CallableTests(SubprotocolCase):
    """
    The service decides by a function of its own.
    """

    def test_offers(self) -> None:
        """
        It gets what is offered, and what it returns is agreed to; None is nothing.
        """
        asked: list[tuple[str, ...]] = []

        def choose(offers: tuple[str, ...]) -> str | None:
            asked.append(offers)
            return "b" if "b" in offers else None

        self.serve(subprotocols=choose)
        self.assertAgreed("b", "a, b", "c")
        self.assertAgreed(None, "a")
        self.assertEqual(asked, [("a", "b", "c")] * 2 + [("a",)] * 2)

    def test_notAsked(self) -> None:
        """
        It is not asked where nothing is offered, or what is not in order, and not for
        a page that may not use the service.
        """
        self.serve(subprotocols=self.fail, origins=[ORIGIN])
        self.assertAgreed(None)
        self.assertAgreed(None, " , ")
        self.assertTrue(self.shake(BOTH[0], "a, a").startswith(b"HTTP/1.1 400 "))
        evil = self.shake(BOTH[0], "a", Origin="http://evil.example")
        self.assertTrue(evil.startswith(b"HTTP/1.1 403 "))

    def test_request(self) -> None:
        """
        One with a second parameter gets the request.
        """

        def choose(offers: tuple[str, ...], request: Request) -> str | None:
            wanted = request.getHeader("X-Want")
            return wanted if wanted in offers else None

        self.serve(subprotocols=choose)
        head = self.shake(BOTH[1], "a, b", **{"X-Want": "b"})
        self.assertIn(b"\r\nSec-WebSocket-Protocol: b\r\n", head + b"\r\n")
        self.assertEqual(self.sessions[0].transport.request.subprotocol, "b")

    def test_named(self) -> None:
        """
        It may be named by a string.
        """
        self.serve(subprotocols=f"{__name__}:last")
        self.assertAgreed("c", "a, b, c")

    def test_wrong(self) -> None:
        """
        One that chooses what is not offered is a fault of the service's: the client is
        told that, and the log which name it was.
        """
        for chosen in "z", b"a", ("a",):
            self.serve(subprotocols=partial(anyway, chosen))
            head = self.shake(BOTH[0], "a, b")
            self.assertTrue(head.startswith(b"HTTP/1.1 500 "))
            [failure] = self.flushLoggedErrors(ValueError)
            self.assertIn(f"chose {chosen!r},", str(failure.value))
            self.assertIn("offered: a, b;", str(failure.value))
            self.assertEqual(self.sessions, [])


class ClientTests(SynchronousTestCase):
    """
    Our own client and our own server agree.
    """

    def agreed(
        self, transport: str, *offers: str, raw: bool = False
    ) -> tuple[Any, Any]:
        """
        What either end takes for agreed.
        """
        served: list[Any] = []

        class Server(Echo):
            def connectionMade(self) -> None:
                served.append(self.transport.request.subprotocol)

        options = {"subprotocols": STOMP}
        site = MemorySite.serving(Factory.forProtocol(Server), options)
        self.addCleanup(site.stop)
        settings: dict[str, Any] = {"transports": [transport], "raw": raw}
        settings["subprotocols"] = offers
        endpoint = MemorySockJSEndpoint(site, **settings)
        connecting = endpoint.connect(Factory.forProtocol(Recorder))
        site.settle()
        client: Any = self.successResultOf(connecting)
        [agreed] = served
        return client.transport.subprotocol, agreed

    def test_agreed(self) -> None:
        """
        Both ends know the same, with SockJS's framing and without.
        """
        for raw in False, True:
            agreed = self.agreed("websocket", "v10.stomp", "v12.stomp", raw=raw)
            self.assertEqual(agreed, ("v12.stomp", "v12.stomp"))

    def test_nothing(self) -> None:
        """
        A client that is no browser can go on with nothing agreed, as it does over HTTP.
        """
        self.assertEqual(self.agreed("websocket", "mqtt"), (None, None))
        self.assertEqual(self.agreed("xhr-streaming", "v12.stomp"), (None, None))

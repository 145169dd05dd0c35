"""Tests for `txsockjs.transports.sending`: xhr_send and jsonp_send."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from zope.interface import implementer

from tests.support.serving import Echo, Recorder, ServiceCase
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.testing import MemoryResponse

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Pausing(Recorder):
    """
    Stops reading at some messages.
    """

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if data in (b"a", b"c"):
            self.transport.pauseProducing()


@implementer(ISockJSMessageReceiver)
class TextRecorder(Recorder):
    """
    Takes text.
    """

    def messageReceived(self, message: str) -> None:
        self.received.append(message)


class XHRSendTests(ServiceCase):
    def send(self, body: bytes, headers: Any = ()) -> MemoryResponse:
        return self.post("/0/s1/xhr_send", body, headers)

    def test_delivered(self) -> None:
        """
        204 without a body, and each message once, in order.
        """
        self.serve()
        session = self.open()
        response = self.send(b'["a", "b\\n", ""]')
        self.assertRefused(response, 204, b"")
        self.assertHeaders(
            response, Content_Type="text/plain; charset=UTF-8", Content_Length=None
        )
        self.assertEqual(session.received, [b"a", b"b\n", b""])

    def test_contentTypes(self) -> None:
        """
        Any content type will do, and none; a form is not taken apart.
        """
        self.serve()
        session = self.open()
        kinds = [
            "text/plain",
            "T",
            "application/json",
            "text/xml",
            "",
            FORM["Content-Type"],
        ]
        for kind in kinds:
            self.assertEqual(self.send(b'["a"]', {"Content-Type": kind}).status, 204)
        self.assertEqual(self.send(b'["a"]').status, 204)
        self.assertEqual(session.received, [b"a"] * 7)

    def test_emptyArray(self) -> None:
        """
        ``[]`` is how a client keeps a connection alive.
        """
        self.serve()
        session = self.open()
        self.assertEqual(self.send(b"[]").status, 204)
        self.assertEqual(session.received, [])

    def test_noPayload(self) -> None:
        """
        An empty body is told so, and the session lives on.
        """
        self.serve()
        session = self.open()
        self.assertRefused(self.send(b""), 500, b"Payload expected.")
        self.assertEqual(self.send(b'["a"]').status, 204)
        self.assertEqual(session.received, [b"a"])

    def test_unknown(self) -> None:
        """
        404 for a session that is not there.
        """
        self.serve()
        self.assertRefused(self.send(b'["a"]'), 404)

    def test_closed(self) -> None:
        """
        404 for a session that was closed, once its client has the close frame: it would
        not come for that after a refusal.
        """
        self.serve()
        self.open().transport.loseConnection()
        self.assertEqual(self.send(b'["a"]').status, 204)
        self.assertEqual(self.post("/000/s1/xhr").body, b'c[3000,"Go away!"]\n')
        self.assertRefused(self.send(b'["a"]'), 404)

    def test_text(self) -> None:
        """
        A protocol for text gets a lone surrogate as it is, one for bytes U+FFFD.
        """
        for protocol, expected in [
            (TextRecorder, "\ud800é"),
            (Recorder, "\ufffdé".encode()),
        ]:
            self.serve(protocol)
            session = self.open()
            self.send('["\\ud800é"]'.encode())
            self.assertEqual(session.received, [expected])

    def test_chunked(self) -> None:
        """
        A chunked body is a body.
        """
        self.serve()
        session = self.open()
        chunked = {"Transfer-Encoding": "chunked"}
        self.assertEqual(
            self.send(b'2\r\n["\r\n3\r\na"]\r\n0\r\n\r\n', chunked).status, 204
        )
        self.assertEqual(session.received, [b"a"])


class JSONPSendTests(ServiceCase):
    def send(self, body: bytes, headers: Any = FORM) -> MemoryResponse:
        return self.post("/0/s1/jsonp_send", body, headers)

    def test_severalFields(self) -> None:
        """
        Of several fields the last counts, as in a URL.
        """
        self.serve()
        session = self.open()
        self.assertRefused(self.send(b"d=[&d=" + quote('["a"]').encode(), FORM), 200)
        self.assertEqual(session.received, [b"a"])

    def test_form(self) -> None:
        """
        The field ``d`` of a form, decoded; the answer is ``ok``.
        """
        self.serve()
        session = self.open()
        for kind in [
            FORM["Content-Type"],
            FORM["Content-Type"].upper() + "; charset=a",
        ]:
            body = b"a=1&d=" + quote('["é+ &=%"]').encode()
            response = self.send(body, {"Content-Type": kind})
            self.assertRefused(response, 200, b"ok")
            self.assertHeaders(response, Content_Type="text/plain; charset=UTF-8")
        self.assertEqual(session.received, ["é+ &=%".encode()] * 2)

    def test_plain(self) -> None:
        """
        With any other content type the body is the JSON.
        """
        self.serve()
        session = self.open()
        for headers in [{}, {"Content-Type": "text/plain"}, {"Content-Type": ""}]:
            self.assertEqual(self.send(b'["d=%61"]', headers).body, b"ok")
        self.assertEqual(session.received, [b"d=%61"] * 3)

    def test_noPayload(self) -> None:
        """
        No body, no field, or nothing in it.
        """
        self.serve()
        self.open()
        for body in [b"", b"d=", b"d", b"e=1", b"&&", b"=["]:
            self.assertRefused(self.send(body), 500, b"Payload expected.")
        self.assertRefused(self.send(b"", {}), 500, b"Payload expected.")

    def test_broken(self) -> None:
        """
        Broken JSON, or a form with more fields than any client sends.
        """
        self.serve()
        session = self.open()
        for body in [b"d=%5B", b"d=%5B%22a", b"d=a", b"&".join([b"d=1"] * 17)]:
            self.assertRefused(self.send(body), 500, b"Broken JSON encoding.")
        self.assertEqual(self.send(b"d=%5B%22a%22%5D").body, b"ok")
        self.assertEqual(session.received, [b"a"])


class PausedTests(ServiceCase):
    """
    An application that pauses its transport holds its senders back.
    """

    def test_answeredLate(self) -> None:
        """
        ``xhr_send`` is answered when the application has read all of its messages.
        """
        self.serve(Pausing)
        session = self.open()
        response = self.post("/0/s1/xhr_send", b'["a", "b"]')
        self.assertEqual((session.received, response.raw), ([b"a"], b""))
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual((session.received, response.status), ([b"a", b"b"], 204))

    def test_order(self) -> None:
        """
        What further requests bring comes after it, and each is answered in its turn.
        """
        self.serve(Pausing)
        session = self.open()
        first = self.post("/0/s1/xhr_send", b'["a", "b"]')
        second = self.post("/0/s1/jsonp_send", b'["c", "d"]')
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual((first.status, second.raw), (204, b""))
        self.assertEqual(session.received, [b"a", b"b", b"c"])
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(second.body, b"ok")
        self.assertEqual(session.received, [b"a", b"b", b"c", b"d"])

    def test_closedMeanwhile(self) -> None:
        """
        404 if the session ends before its messages were read.
        """
        self.serve(Pausing)
        session = self.open()
        response = self.post("/0/s1/xhr_send", b'["a", "b"]')
        session.transport.abortConnection()
        self.site.settle()
        self.assertRefused(response, 404)
        self.assertEqual(session.received, [b"a"])

    def test_senderGone(self) -> None:
        """
        A sender that does not wait for the answer leaves its messages, and no error.
        """
        self.serve(Pausing)
        session = self.open()
        self.post("/0/s1/xhr_send", b'["a", "b"]').connection.abort()
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(session.received, [b"a", b"b"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_tooMuch(self) -> None:
        """
        What goes beyond ``max_buffer`` is refused with 503, and nothing else is lost.
        """
        self.serve(Pausing, max_buffer=1000)
        session = self.open()
        self.post("/0/s1/xhr_send", b'["a", "%b"]' % (b"x" * 900))
        self.assertRefused(self.post("/0/s1/xhr_send", b'["%b"]' % (b"y" * 200)), 503)
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(session.received, [b"a", b"x" * 900])


class EchoTests(ServiceCase):
    def test_oneFrame(self) -> None:
        """
        What the application says to several messages goes out in one frame.
        """
        self.serve(Echo)
        self.open()
        poll = self.post("/000/s1/xhr")
        self.post("/0/s1/xhr_send", b'["a", "b"]')
        self.assertEqual(poll.body, b'a["a","b"]\n')

"""An upgrade request where there is no WebSocket. (CVE-2020-7693)"""

from __future__ import annotations

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import HANDSHAKE, Socket

PATHS = [
    "/",
    "/upgrade",
    "/info",
    "/iframe.html",
    "/websocket/",
    "/a",
    "/000/s1/xhr",
    "/000/s1/xhr_send",
    "/000/s1/xhr_streaming",
    "/000/s1/eventsource",
    "/000/s1/htmlfile?c=f",
    "/000/s1/jsonp?c=f",
    "/000/s1/jsonp_send",
    "/000/s1/unknown",
    "/000/s1/",
    "//",
]


class UpgradeTests(ServiceCase):
    def test_refused(self) -> None:
        """
        A clean 4xx with any method, nothing logged, and the connection serves on.
        """
        self.serve(Echo)
        for path in PATHS:
            for method in ["GET", "POST", "OPTIONS", "HEAD"]:
                connection = self.connect()
                response = connection.request(method, path, HANDSHAKE)
                self.assertRefused(response, response.status)
                self.assertIn(response.status // 100, [4], (method, path))
                if not connection.closed:
                    self.assertEqual(connection.request("GET", "/info").status, 200)
        self.assertEqual(self.sessions, [])

    def test_otherProtocols(self) -> None:
        """
        An upgrade to something else on a WebSocket URL is a clean 400.
        """
        self.serve(Echo)
        for path in ["/websocket", "/000/s1/websocket"]:
            for value in ["h2c", "TLS/1.0", "", ",", "websocket2"]:
                headers = {**HANDSHAKE, "Upgrade": value}
                self.assertRefused(self.get(path, headers), 400)

    def test_serviceUnharmed(self) -> None:
        """
        After all of them the service opens sessions as before.
        """
        self.test_refused()
        socket = Socket(self.connect())
        socket.say('"a"')
        self.assertEqual(socket.texts, [b"o", b'a["a"]'])

    def test_post(self) -> None:
        """
        A handshake by POST, on a WebSocket URL, is 405.
        """
        self.serve(Echo)
        for path in ["/websocket", "/000/s1/websocket"]:
            self.assertRefused(self.post(path, b"x" * 100, HANDSHAKE), 405, b"")

"""A bridge whose two sides send, stop reading and end in any order, against what both
have to get in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import examples
from tests.support.bridging import BridgeTestCase
from txsockjs.bridge import Told
from txsockjs.testing import MemoryClient

SIZES = st.sampled_from([300_000, 70_000, 100, 1])

#: Who does not read from the beginning.
STOPPED = st.sampled_from(["service", "browser", "nobody"])

#: What happens: what it is, and how much of it.
STEPS = st.lists(
    st.tuples(st.just("browser sends"), SIZES)
    | st.tuples(st.just("service sends"), SIZES)
    | st.tuples(
        st.sampled_from(
            ["browser stops", "browser reads", "service stops", "service reads"]
        ),
        st.none(),
    )
    | st.tuples(st.just("time"), st.sampled_from([0.05, 0.5])),
    max_size=16,
)


class BridgeTests(BridgeTestCase):
    """Sessions on a raw WebSocket, in text."""

    def setUp(self) -> None:
        self.bridge()

    def begin(self, stopped: str) -> None:
        """A session and its connection to the service, and who does not read."""
        self.socket = MemoryClient(self.site).websocket("/websocket")
        self.service = self.endpoint.accept()
        self.toService = self.toBrowser = b""
        self.do((f"{stopped} stops", None), False)

    def do(self, step: tuple[str, float | None], ended: bool) -> None:
        """Do one step."""
        what, size = step
        side = self.socket if what.startswith("browser") else self.service
        if what == "nobody stops":
            return
        if what == "browser sends" and not ended and self.socket.ended is None:
            data = b"%d " % len(self.toService) + b"x" * int(size or 0)
            self.toService += data
            self.socket.send(data.decode())
        elif what == "service sends" and not ended:
            data = b"%d " % len(self.toBrowser) + b"y" * int(size or 0)
            self.toBrowser += data
            self.service.transport.write(data)
        elif what.endswith("stops"):
            side.transport.pauseProducing()
        elif what.endswith("reads"):
            side.transport.resumeProducing()
        self.reactor.advance(size or 0 if what == "time" else 0)

    @examples()
    @given(stopped=STOPPED, before=STEPS, after=STEPS, together=st.booleans())
    def test_ended(
        self, stopped: str, before: list, after: list, together: bool
    ) -> None:
        """
        When the service ends its stream, the browser gets all that it sent, and then
        why; the service gets all that the browser sent before, and then its end.
        """
        self.begin(stopped)
        for step in before:
            self.do(step, False)
        self.service.transport.loseWriteConnection()
        if not together:
            self.reactor.settle()
        for step in after:
            self.do(step, True)
        self.socket.transport.resumeProducing()
        self.service.transport.resumeProducing()
        self.reactor.advance(1)
        self.assertEqual(self.socket.ended, (Told.ENDED.code, Told.ENDED.reason))
        self.assertEqual("".join(self.socket.messages).encode(), self.toBrowser)
        self.assertEqual(self.service.received, self.toService)
        self.assertTrue(self.service.ended)
        self.reactor.advance(31)
        self.assertNothingLeft()

    @examples()
    @given(stopped=STOPPED, before=STEPS, after=STEPS)
    def test_left(self, stopped: str, before: list, after: list) -> None:
        """
        When the browser closes, the service gets all that it sent, and then the end.
        """
        self.begin(stopped)
        for step in before:
            self.do(step, False)
        self.socket.close()
        for step in after:
            self.do(step, True)
        self.socket.transport.resumeProducing()
        self.service.transport.resumeProducing()
        self.reactor.advance(1)
        self.assertEqual(self.service.received, self.toService)
        self.assertTrue(self.service.ended)
        self.reactor.advance(31)
        self.assertNothingLeft()

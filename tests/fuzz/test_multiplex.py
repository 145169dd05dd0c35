"""Messages of a multiplexed session, against what each of them has to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import examples
from tests.support.multiplexing import MultiplexTestCase
from txsockjs.multiplexing import unescape

#: More names than there are topics, in more ways than one.
SPELLINGS = st.sampled_from(["echo", "%65cho", "note", "nil", "", "%", "x" * 1025])
KINDS = st.sampled_from(["sub", "msg", "uns", "err", ""])
MESSAGES = (
    st.tuples(KINDS, SPELLINGS).map(",".join)
    | st.tuples(KINDS, SPELLINGS, st.text(",a☃\ud800", max_size=4)).map(",".join)
    | st.text(",%smgubn", max_size=8)
)
DELIVERIES = st.lists(st.lists(MESSAGES, min_size=1, max_size=30), max_size=8)


def decoded(name: str) -> str:
    """What ECMA-262, B.2.1.2, makes of a name, step by step."""
    units: list[int] = []
    at = 0
    while at < len(name):
        for skip, digits in (2, 4), (1, 2):
            text = name[at + skip : at + skip + digits]
            starts = name[at : at + skip] == ("%u" if skip == 2 else "%")
            if (
                starts
                and len(text) == digits
                and set(text) <= set("0123456789abcdefABCDEF")
            ):
                units.append(int(text, 16))
                at += skip + digits
                break
        else:
            units.append(ord(name[at]))
            at += 1
    data = b"".join(unit.to_bytes(2, "little") for unit in units)
    return data.decode("utf-16-le", "replace")


class Model:
    """The channels of one client, of which those of ``echo`` answer."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}

    def take(self, message: str) -> list[str]:
        """The channels' answers to a message."""
        kind, _, rest = message.partition(",")
        spelling, comma, payload = rest.partition(",")
        topic = decoded(spelling)
        if len(spelling) > 1024:
            return []
        if kind == "sub" and topic in ("echo", "note"):
            self.open.setdefault(topic, spelling)
        elif kind == "uns":
            self.open.pop(topic, None)
        elif kind == "msg" and comma and topic == "echo" and topic in self.open:
            return [f"msg,{self.open[topic]},{payload}".replace("\ud800", "\ufffd")]
        return []


class MultiplexTests(MultiplexTestCase):
    """One session, and what its channels answer."""

    @examples()
    @given(deliveries=DELIVERIES)
    def test_model(self, deliveries: list[list[str]]) -> None:
        """What is open answers, in order; what cannot be used leaves all as it is."""
        session, model = self.session(), Model()
        for messages in deliveries:
            session.send(*messages)
            expected = [answer for each in messages for answer in model.take(each)]
            taken = self.taken(session)
            self.assertEqual([m for m in taken if m.startswith("msg,")], expected)
            self.assertLessEqual(len(taken), 2 * len(messages))
        self.assertIsNone(session.closed)
        channels = self.service.multiplex._channels
        self.assertEqual(set(channels), set(model.open))
        self.assertEqual(self.flushLoggedErrors(), [])
        session.abort()
        self.reactor.settle()
        self.assertEqual(channels, {})

    @examples()
    @given(name=st.text("%u04159eE☃x", max_size=12))
    def test_unescape(self, name: str) -> None:
        """A name is what JavaScript makes of it."""
        self.assertEqual(unescape(name), decoded(name))

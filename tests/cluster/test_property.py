"""Any requests, each at any process, are answered as one process alone answers them."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.machines import MachinesCase
from tests.cluster.support import Closing, ClusterCase
from tests.support.serving import RecordingFactory
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryConnection, MemoryReactor, MemorySite

SESSIONS = [f"id{number}" for number in range(4)]

RECEIVING = (
    ("POST", "xhr"),
    ("POST", "xhr_streaming"),
    ("GET", "eventsource"),
    ("GET", "htmlfile?c=c"),
    ("GET", "jsonp?c=c"),
)
BODIES = (b'["a"]', b'["a","\xc3\xa4"]', b'["close"]', b"[", b"")

#: What a page does next: with which session, at which process.
STEP = st.tuples(
    st.sampled_from(SESSIONS),
    st.integers(0, 2),
    st.one_of(
        st.tuples(st.just("receive"), st.sampled_from(RECEIVING)),
        st.tuples(st.just("send"), st.sampled_from(BODIES)),
        st.tuples(st.just("leave"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 3.0, 6.0, 30.0])),
    ),
)


class Page:
    """
    What one server, of any number of processes, has answered.
    """

    def __init__(self, sites: list[MemorySite], reactor: MemoryReactor) -> None:
        self.sites = sites
        self.reactor = reactor
        self.connections: list[tuple[str, MemoryConnection]] = []

    def do(self, session: str, member: int, step: tuple[str, Any]) -> None:
        """
        Go on.
        """
        kind, what = step
        if kind == "wait":
            self.reactor.advance(what)
        elif kind == "leave":
            for id, connection in self.connections:
                if id == session and not connection.closed:
                    connection.abort()
        elif kind == "receive":
            method, transport = what
            self.request(session, member, method, transport, b"")
        else:
            self.request(session, member, "POST", "xhr_send", what)

    def request(
        self, session: str, member: int, method: str, transport: str, body: bytes
    ) -> None:
        site = self.sites[member % len(self.sites)]
        connection = site.connect(MemoryConnection(self.reactor))
        self.connections.append((session, connection))
        connection.request(method, f"/0/{session}/{transport}", {}, body)

    def answers(self) -> list[Any]:
        """
        All answers, as far as they have come: first line, headers, body, whether they
        have ended, and how often they say so.
        """
        found = []
        for _, connection in self.connections:
            head, _, _ = connection.received.partition(b"\r\n\r\n")
            first, *lines = re.sub(rb"Date: [^\r]+", b"", head).split(b"\r\n")
            response = connection.response
            assert response is not None
            ended = response.finished or connection.closed
            ends = connection.received.count(b"\r\n0\r\n\r\n")
            found.append((first, sorted(lines), response.body, ended, ends))
        return found


class Compared:
    """
    A cluster, and one process.
    """

    def compare(self: Any, steps: list[Any]) -> None:
        """
        Both have the same answers, at any time.
        """
        reactor = MemoryReactor()
        site = SockJSFactory(RecordingFactory(Closing), clock=reactor)
        one = Page([MemorySite(site)], reactor)
        many = Page([each.site for each in self.workers], self.reactor)
        for session, member, step in steps:
            for page in one, many:
                page.do(session, member, step)
            self.assertEqual(many.answers(), one.answers())
        one.sites[0].stop()


class WorkersTests(Compared, ClusterCase):
    """
    Three workers.
    """

    @settings(max_examples=60, deadline=None)
    @given(st.lists(STEP, max_size=14))
    def test_workers(self, steps: list[Any]) -> None:
        """
        Whichever worker a request comes to, it is answered as by one process.
        """
        self.setUp()
        self.begin(3, Closing)
        self.compare(steps)
        self.doCleanups()


class MachinesTests(Compared, MachinesCase):
    """
    Three machines, with a Redis.
    """

    @settings(max_examples=60, deadline=None)
    @given(st.lists(STEP, max_size=14))
    def test_machines(self, steps: list[Any]) -> None:
        """
        Whichever machine a request comes to, it is answered as by one process.
        """
        self.setUp()
        self.begin(3, Closing)
        self.compare(steps)
        self.doCleanups()

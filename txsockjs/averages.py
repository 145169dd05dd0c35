"""What the connections of a router do, on an average: `StatsCollector`."""

from __future__ import annotations

from collections import deque

from twisted.internet.interfaces import IReactorTime


class MovingAverage:
    """
    How many there were in a second, on an average of the last ones. It needs no timer.
    """

    def __init__(self, clock: IReactorTime, period: int = 10) -> None:
        """
        :param period: of how many seconds.
        """
        self._clock = clock
        self._began = int(clock.seconds())
        self.period = period
        # The seconds in which there were some, the last one first to be added to.
        self._seconds: deque[list[int]] = deque(maxlen=period + 1)

    def add(self, n: int) -> None:
        """
        There were so many more.
        """
        now = int(self._clock.seconds())
        if self._seconds and self._seconds[-1][0] == now:
            self._seconds[-1][1] += n
        else:
            self._seconds.append([now, n])

    @property
    def last_average(self) -> float:
        """
        The average of the last seconds that are over; 0 where none is.
        """
        now = int(self._clock.seconds())
        first = max(self._began, now - self.period)
        if first >= now:
            return 0.0
        total = sum(n for second, n in self._seconds if first <= second < now)
        return total / (now - first)


class StatsCollector:
    """
    What the connections of a router do. A session has one connection, whatever the
    number of its requests.

    :ivar sess_active: sessions that are open.
    :ivar sess_transports: those of each transport.
    :ivar conn_active: connections that are open.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.sess_active: int = 0
        self.sess_transports: dict[str, int] = {}
        self.conn_active: int = 0
        self.conn_ps: MovingAverage = MovingAverage(clock)
        self.pack_sent_ps: MovingAverage = MovingAverage(clock)
        self.pack_recv_ps: MovingAverage = MovingAverage(clock)

    def dump(self) -> dict[str, int | float]:
        """All of it: ``sessions_active``, ``connections_active``, ``transp_`` and the
        name of each transport, with its sessions; and on an average of the last ten
        seconds ``connections_ps``, ``packets_sent_ps`` and ``packets_recv_ps``, new
        connections and messages in a second.
        """
        found: dict[str, int | float] = {
            "sessions_active": self.sess_active,
            "connections_active": self.conn_active,
            "connections_ps": self.conn_ps.last_average,
            "packets_sent_ps": self.pack_sent_ps.last_average,
            "packets_recv_ps": self.pack_recv_ps.last_average,
        }
        for transport, count in self.sess_transports.items():
            found["transp_" + transport] = count
        return found

    def on_sess_opened(self, transport: str) -> None:
        """
        A session was opened.
        """
        self.sess_active += 1
        self.sess_transports[transport] = self.sess_transports.get(transport, 0) + 1

    def on_sess_closed(self, transport: str) -> None:
        """
        A session has ended.
        """
        self.sess_active -= 1
        self.sess_transports[transport] -= 1

    def on_conn_opened(self) -> None:
        """
        A connection was opened.
        """
        self.conn_active += 1
        self.conn_ps.add(1)

    def on_conn_closed(self) -> None:
        """
        A connection has ended.
        """
        self.conn_active -= 1

    def on_pack_sent(self, num: int) -> None:
        """
        Messages were sent.
        """
        self.pack_sent_ps.add(num)

    def on_pack_recv(self, num: int) -> None:
        """
        Messages came in.
        """
        self.pack_recv_ps.add(num)

"""What holds when the Redis, or the process that has a session, is away."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.cluster.machines import Machine, MachinesCase
from tests.cluster.support import Closing
from txsockjs.cluster.directory import ENTERED
from txsockjs.errors import Rejected


class MachineCase(MachinesCase):
    """
    Two machines.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(2, Closing)
        self.here, self.there = (self.at(each) for each in self.workers)

    def cluster(self, number: int) -> Any:
        return self.workers[number].cluster

    def poll(self, client: Any, id: str = "one") -> Any:
        return client.request("POST", f"/0/{id}/xhr")

    def send(self, client: Any, id: str = "one") -> Any:
        return client.request("POST", f"/0/{id}/xhr_send", body=b'["x"]')

    def lease(self, number: int) -> None:
        """
        Have the lease of a process be over.
        """
        me = self.cluster(number)._directory.me
        self.redis.kept.pop(b"sockjs:cluster:process:" + me)


class OwnerTests(MachineCase):
    """
    A process that has a session, and is away.
    """

    def test_refuses(self) -> None:
        """
        Where nobody listens at its address, it is gone: 404 at once.
        """
        self.poll(self.there)
        self.lose(self.workers[1])
        self.assertEqual(self.poll(self.here).status, 404)
        self.assertEqual(self.cluster(0).counters.refused, {"SessionLost": 1})

    def test_leaseIsOver(self) -> None:
        """
        So it is where it was not heard of; it is not even tried to connect.
        """
        self.poll(self.there)
        self.lease(1)
        self.assertEqual(self.poll(self.here).status, 404)
        self.assertEqual(self.send(self.here).status, 404)
        self.assertEqual(self.ports.connected, [])

    def test_silent(self) -> None:
        """
        Where it does not answer, as behind a link that is cut, there is a time limit,
        and 503.
        """
        self.poll(self.there)
        endpoint: Any = type("", (), {"connect": lambda self, factory: Deferred()})
        self.cluster(0).connecting = lambda place: endpoint()
        response = self.poll(self.here)
        self.reactor.advance(4.9)
        self.assertEqual(response.status, 0)
        self.reactor.advance(0.2)
        self.assertEqual(response.status, 503)

    def test_again(self) -> None:
        """
        One that is started again is another one: it is not taken for the one that had
        the session.
        """
        self.poll(self.there)
        self.lose(self.workers[1])
        machine: Any = Machine(self, 1, Closing)
        self.workers.append(machine)
        self.reactor.settle()
        self.assertEqual(self.poll(self.here).status, 404)
        self.assertEqual(self.poll(self.at(machine)).status, 404)
        self.assertEqual(machine.sessions, [])

    def test_left(self) -> None:
        """
        One that is stopped tells that it is gone.
        """
        self.lose(self.workers[1])
        processes = [key for key in self.redis.kept if b":process:" in key]
        self.assertEqual(len(processes), 1)

    def test_answersFirst(self) -> None:
        """
        It waits for the answers to what it has passed on, for some time.
        """
        self.poll(self.there)
        poll = self.poll(self.here)
        left: Any = self.cluster(0).stop()
        self.reactor.advance(5)
        self.assertFalse(left.called)
        self.workers[1].sessions[0].transport.write(b"x")
        self.reactor.advance(1)
        self.assertEqual(poll.body, b'a["x"]\n')
        self.assertTrue(left.called)

    def test_notForEver(self) -> None:
        """
        A client whose stream goes on is not waited for any longer.
        """
        self.poll(self.there)
        stream = self.here.request("POST", "/0/one/xhr_streaming")
        left: Any = self.cluster(0).stop()
        self.reactor.advance(11)
        self.assertTrue(left.called)
        self.assertTrue(stream.connection.closed)

    def test_lives(self) -> None:
        """
        The lease of one that lives is never over, nor are the entries of its sessions.
        """
        stream = self.there.request("POST", "/0/one/xhr_streaming")
        for _ in range(30):
            self.reactor.advance(ENTERED / 10_000)
            self.assertEqual(self.send(self.here).status, 204)
        self.assertEqual(stream.body.count(b'a["x"]'), 30)


class RedisTests(MachineCase):
    """
    A Redis that is away.
    """

    def test_gone(self) -> None:
        """
        Sessions go on where they are; what has to be looked up is answered with 503,
        and the log has one line.
        """
        self.poll(self.here)
        self.redis.accepts = False
        self.redis.drop()
        for _ in range(3):
            self.assertEqual(self.send(self.here).status, 204)
            self.assertEqual(self.poll(self.here).status, 200)
            self.assertEqual(self.send(self.there).status, 503)
            self.assertEqual(self.poll(self.there, "two").status, 503)
            self.assertTrue(self.here.session("websocket").opened)
        self.assertEqual(self.cluster(1).counters.refused, {"OwnerUnknown": 6})
        self.assertEqual(self.cluster(1).warnings, [])

    def test_back(self) -> None:
        """
        When it comes back without what it had, all that is here is entered anew.
        """
        self.here.request("POST", "/0/one/xhr_streaming")
        self.redis.accepts = False
        self.redis.drop()
        self.redis.kept.clear()
        self.reactor.advance(5)
        self.redis.accepts = True
        self.reactor.advance(15)
        self.assertEqual(self.send(self.there).status, 204)

    def test_silent(self) -> None:
        """
        There is a time limit for its answers. A client that goes meanwhile opens no
        session.
        """
        self.redis.silent = True
        response, lost = self.poll(self.here), self.poll(self.there, "two")
        lost.connection.abort()
        self.reactor.advance(5.1)
        self.assertEqual(response.status, 503)
        self.assertEqual([each.sessions for each in self.workers], [[], []])

    def test_strange(self) -> None:
        """
        What it answers that makes no sense is no answer.
        """
        self.redis.replies[b"GET"] = lambda args: 7
        self.assertEqual(self.send(self.here).status, 503)


class EntryTests(MachineCase):
    """
    What is entered.
    """

    def test_first(self) -> None:
        """
        A session is entered before its client learns that it is open, so that the next
        request finds it, whoever gets that.
        """
        entered: list[int] = []
        claim = self.redis.scripts

        def counting(script: Any, run: Any) -> Any:
            def counted(keys: list[bytes], args: list[bytes]) -> Any:
                entered.append(len(self.workers[0].sessions))
                return run(keys, args)

            return counted

        for script, run in list(claim.items()):
            claim[script] = counting(script, run)
        self.poll(self.here)
        self.assertEqual(entered[0], 0)
        self.assertEqual(self.redis.sessions(), 1)

    def test_race(self) -> None:
        """
        Two requests for one new session, at two machines at once, open one session.
        """
        connections = [client.connect() for client in (self.here, self.there)]
        for connection in connections:
            connection.begin("POST", "/0/one/xhr_streaming")
        self.reactor.settle()
        self.assertEqual(sum(len(each.sessions) for each in self.workers), 1)
        bodies = sorted(each.response.body.strip(b"h\n") for each in connections)
        self.assertEqual(bodies[1], b"o")

    def test_refusedFirst(self) -> None:
        """
        Where two requests for one new session come to one machine, and only the second
        one opens it, it stays entered: no other machine opens it once more.
        """
        [directory, _] = [worker.cluster._directory for worker in self.workers]
        key = directory.keyOf("", b"one")
        first, second = [Deferred.fromCoroutine(directory.claim(key)) for _ in range(2)]
        first.addCallback(lambda _: directory.release(key))
        second.addCallback(lambda _: directory.keep(key))
        self.reactor.settle()
        self.assertEqual(self.redis.sessions(), 1)
        directory.end(key)
        third, fourth = [Deferred.fromCoroutine(directory.claim(key)) for _ in range(2)]
        for each in third, fourth:
            each.addCallback(lambda _: directory.release(key))
        self.reactor.settle()
        self.assertEqual(self.redis.sessions(), 0)

    def test_secret(self) -> None:
        """
        Nothing in Redis tells a session's id.
        """
        self.poll(self.here, "geheim")
        for key, (value, _) in self.redis.kept.items():
            self.assertNotIn(b"geheim", key + value)

    def test_ended(self) -> None:
        """
        The entry of a session that has ended stays for a while, so that whoever comes
        late is told how, wherever that is; then it is gone.
        """
        self.poll(self.here)
        self.workers[0].sessions[0].transport.loseConnection(3001, "enough")
        self.reactor.advance(30)
        self.assertEqual(self.poll(self.there).body, b'c[3001,"enough"]\n')
        self.reactor.advance(ENTERED / 1000)
        self.assertEqual(self.redis.sessions(), 0)

    def test_full(self) -> None:
        """
        A session that was refused is not entered.
        """
        self.workers[0].service.drain()
        self.assertEqual(self.poll(self.here).status, 503)
        self.assertEqual(self.redis.sessions(), 0)
        self.assertEqual(self.poll(self.there).body, b"o\n")
        self.assertEqual(self.poll(self.here).status, 0)

    def test_unknown(self) -> None:
        """
        Nor is one that a message comes for.
        """
        self.assertEqual(self.send(self.here).status, 404)
        self.assertEqual(self.redis.sessions(), 0)

    def test_here(self) -> None:
        """
        Nobody asks about a session that is here.
        """
        self.poll(self.here)
        asked = len(self.redis.asked)
        for _ in range(10):
            self.send(self.here)
            self.poll(self.here)
        self.assertEqual(len(self.redis.asked), asked)

    def test_lone(self) -> None:
        """
        Who has passed a request on that is not here gets 404, and it goes no further.
        """
        self.poll(self.there)
        directory = self.cluster(0)._directory
        key = self.cluster(1)._directory.keyOf("", b"one")
        ends: Any = self.redis.kept[key][1]
        self.redis.kept[key] = directory.me, ends
        self.assertEqual(self.poll(self.here).body, b"o\n")
        self.assertEqual(self.ports.connected, [])


class Refusing(MachineCase):
    """
    A service that lets nobody in.
    """

    def authorize(self, request: Any) -> None:
        raise Rejected(4401, "no")

    def setUp(self) -> None:
        self.options = {"authorize": self.authorize}
        super().setUp()

    def test_told(self) -> None:
        """
        A refusal is told, by whichever machine is asked.
        """
        self.assertEqual(self.poll(self.here).body, b'c[4401,"no"]\n')
        self.assertEqual(self.poll(self.there).body, b'c[4401,"no"]\n')

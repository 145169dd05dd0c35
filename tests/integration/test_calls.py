"""Who is calling, async handlers and metrics: their examples, over real sockets."""

from __future__ import annotations

import json
import os
import shutil
import sys
from base64 import b64encode
from typing import Any

import treq
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.support.programs.node import need, runNode
from tests.support.programs.processes import ROOT, startExample
from tests.support.programs.sessions import openSession
from tests.support.programs.twistd import TwistdTestCase

LOOPBACK = "tcp:0:interface=127.0.0.1"
TRANSPORTS = ("websocket", "xhr-streaming", "xhr-polling", "eventsource")


async def run(*command: str) -> tuple[str, int]:
    """
    Run a Python program to its end.

    :return: what it said, and its exit status.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out, err, status = await getProcessOutputAndValue(
        sys.executable, command, environment, str(ROOT), reactor
    )
    return (out + err).decode(), status


class ClientTestCase(TestCase):
    """An example, and the stock client under Node."""

    timeout = 120

    def setUp(self) -> None:
        need("node", packages=("sockjs-client",))

    async def serve(self, name: str) -> str:
        url, _ = await startExample(self, name, LOOPBACK)
        return url

    async def come(self, url: str, transport: str, **options: Any) -> Any:
        [happened] = await runNode(
            reactor, "calls.js", url, transport, json.dumps(options)
        )
        return happened

    async def assertRefused(
        self, url: str, code: int, reason: str, **options: Any
    ) -> None:
        """The client is refused with this, and never opens, over each transport."""
        refused = {"opened": False, "messages": [], "code": code, "reason": reason}
        for transport in TRANSPORTS:
            happened = await self.come(url, transport, **options)
            self.assertEqual(happened, refused, transport)

    async def assertTalks(self, url: str, messages: list[str], **options: Any) -> None:
        """The client is let in, and hears this, over each transport."""
        for transport in TRANSPORTS:
            happened = await self.come(url, transport, count=len(messages), **options)
            self.assertEqual(happened["messages"], messages, transport)
            self.assertTrue(happened["opened"])


class TokenTests(ClientTestCase):
    """``authorize_token.py``."""

    async def sign(self, *words: str) -> str:
        script = str(ROOT / "examples" / "authorize_token.py")
        output, _ = await run(script, "--sign", *words)
        return output.strip()

    async def test_token(self) -> None:
        """Whose token is signed is let in by name."""
        url = await self.serve("authorize_token.py")
        token = await self.sign("eve")
        await self.assertTalks(
            f"{url}?token={token}", ["Hello, eve!", "eve: hi"], send=["hi"]
        )

    async def test_wrong(self) -> None:
        """A token that is missing, forged or too old is told to be just that."""
        url = await self.serve("authorize_token.py")
        forged = (await self.sign("bob")).replace("bob", "eve")
        for query in "", "?token=", f"?token={forged}":
            await self.assertRefused(url + query, 4401, "No valid token")
        old = await self.sign("bob", "-1")
        await self.assertRefused(f"{url}?token={old}", 4403, "The token has expired")


class CookieTests(ClientTestCase):
    """``authorize_cookie.py``."""

    async def login(self, here: str, user: str) -> dict[str, str]:
        """
        Log in, as the page's form does.

        :return: the header that a browser sends from then on.
        """
        response = await treq.post(
            f"{here}/login",
            data={"user": user},
            allow_redirects=False,
            persistent=False,
        )
        [cookie] = response.headers.getRawHeaders("Set-Cookie")
        self.assertIn("HttpOnly", cookie)
        return {"Cookie": cookie.partition(";")[0]}

    async def test_cookie(self) -> None:
        """Who has logged in talks in that name."""
        here = await self.serve("authorize_cookie.py")
        headers = await self.login(here, "bob")
        heard = ["* bob joins", "bob: hi"]
        await self.assertTalks(f"{here}/chat", heard, send=["hi"], headers=headers)

    async def test_without(self) -> None:
        """Without the cookie, or with another one, nobody is let in."""
        here = await self.serve("authorize_cookie.py")
        for headers in {}, {"Cookie": "login=guess"}:
            await self.assertRefused(
                f"{here}/chat", 4401, "Log in first", headers=headers
            )

    async def test_elsewhere(self) -> None:
        """A page of another site cannot use the cookie."""
        here = await self.serve("authorize_cookie.py")
        headers = await self.login(here, "bob")
        for origin, status in ("https://elsewhere.example", 403), (here, 200):
            response = await treq.post(
                f"{here}/chat/000/{status}/xhr",
                headers={**headers, "Origin": origin},
                persistent=False,
            )
            self.assertEqual(response.code, status)


def basic(name: str, password: str) -> dict[str, str]:
    """The header that a browser sends where its user has logged in."""
    coded = b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {coded}"}


class CredTests(ClientTestCase):
    """``authorize_cred.py``."""

    async def test_member(self) -> None:
        """One Portal lets a member see the page and open sessions, until they end."""
        here = await self.serve("authorize_cred.py")
        headers = basic("bob", "secret")
        page = await treq.get(f"{here}/", headers=headers, persistent=False)
        self.assertIn("new SockJS", await page.text())
        for _ in range(2):
            happened = await self.come(
                f"{here}/session", "websocket", send=["who?"], count=2, headers=headers
            )
            heard = ["Hello, bob!", "Present: bob"]
            self.assertEqual(happened["messages"], heard)
        heard = ["Hello, bob!"]
        await self.assertTalks(f"{here}/session", heard, headers=headers)

    async def test_others(self) -> None:
        """Nobody else does either."""
        here = await self.serve("authorize_cred.py")
        for headers in {}, basic("bob", "guess"), basic("eve", "secret"):
            page = await treq.get(f"{here}/", headers=headers, persistent=False)
            self.assertEqual(page.code, 401)
            await self.assertRefused(
                f"{here}/session", 4401, "Unauthorized", headers=headers
            )

    async def test_passwords(self) -> None:
        """The passwords may be in a file."""
        file = self.mktemp()
        with open(file, "w") as passwords:
            passwords.write("ann:other\n")
        name = os.path.abspath(file)
        here, _ = await startExample(self, "authorize_cred.py", LOOPBACK, name)
        for who, count in (basic("ann", "other"), 1), (basic("bob", "secret"), 0):
            happened = await self.come(
                f"{here}/session", "xhr-streaming", count=1, headers=who
            )
            self.assertEqual(len(happened["messages"]), count)


class ChatTests(ClientTestCase):
    """``handler_chat.py``."""

    async def test_chat(self) -> None:
        """Each has a name, hears what the others say, and is missed."""
        url = await self.serve("handler_chat.py")
        ann = await openSession(self, url)
        ann.send("ann")
        self.assertEqual(await ann.receive(2), ["Your name, please?", "* ann joins"])
        for transport in TRANSPORTS:
            happened = await self.come(url, transport, send=["bob", "hi"], count=3)
            self.assertEqual(happened["messages"][1:], ["* bob joins", "bob: hi"])
            heard = ["* bob joins", "bob: hi", "* bob leaves"]
            self.assertEqual(await ann.receive(3), heard)

    async def test_leave(self) -> None:
        """Leaving the function closes; ``close`` says why."""
        url = await self.serve("handler_chat.py")
        ann = await openSession(self, url)
        ann.send("ann")
        await ann.receive(2)
        for transport in TRANSPORTS:
            for send, end in (
                (["bob", "/quit"], (3000, "Go away!")),
                (["ann"], (4009, "That name is taken")),
            ):
                happened = await self.come(url, transport, send=send)
                self.assertEqual((happened["code"], happened["reason"]), end)


class AsyncioTests(ClientTestCase):
    """The asyncio reactor, in a process of its own."""

    async def test_checks(self) -> None:
        """Handlers, and ``authorize``, await what asyncio has."""
        directory = os.path.abspath(self.mktemp())
        output, status = await run(
            "-m",
            "twisted.trial",
            "--reactor=asyncio",
            f"--temp-directory={directory}",
            "tests.support.asyncio_checks",
        )
        self.assertEqual(status, 0, output)
        self.assertIn("PASSED (successes=16)", output)

    async def test_quiz(self) -> None:
        """``handler_asyncio.py``: who does not answer in time is told so."""
        self.patch(os, "environ", {**os.environ, "SECONDS": "0.1"})
        url = await self.serve("handler_asyncio.py")
        for transport in TRANSPORTS:
            happened = await self.come(url, transport)
            self.assertEqual(len(happened["messages"]), 1)
            self.assertEqual((happened["code"], happened["reason"]), (4008, "Too slow"))


class QuizTests(TwistdTestCase):
    """``handler_asyncio.py``, under ``twistd --reactor=asyncio``."""

    async def test_quiz(self) -> None:
        """Who answers is told the score, and the session is over."""
        shutil.copy(ROOT / "examples" / "handler_asyncio.py", self.here)
        twistd = self.start(
            "--listen",
            LOOPBACK,
            "--service=quiz=handler_asyncio.quiz",
            options=("--reactor=asyncio",),
        )
        session = await openSession(self, f"{await twistd.url()}/quiz")
        for _ in range(3):
            [sum_] = await session.receive()
            session.send(str(sum(map(int, sum_.split(" + ")))))
        self.assertEqual(await session.receive(), ["3 of 3"])
        await session.ended


class MetricsTests(TwistdTestCase):
    """Metrics, over real sockets."""

    async def sample(self, url: str, name: str, **labels: str) -> float | None:
        """One value of those that a URL has."""
        response = await treq.get(url, persistent=False)
        for family in text_string_to_metric_families(await response.text()):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return sample.value
        return None

    async def test_example(self) -> None:
        """``metrics.py``: the service's counters, and the application's own."""
        url, _ = await startExample(self, "metrics.py", LOOPBACK)
        here = url.removesuffix("/metrics")
        session = await openSession(self, f"{here}/echo")
        session.send("HELLO")
        await session.receive()
        metrics = f"{here}/metrics"
        labels = {"service": "echo", "transport": "websocket"}
        name = "sockjs_messages_received_total"
        self.assertEqual(await self.sample(metrics, name, **labels), 1)
        self.assertEqual(await self.sample(metrics, "shouts_total"), 1)

    async def test_twistd(self) -> None:
        """``twistd sockjs --metrics``: those of each service, and the process's."""
        twistd = self.start(
            f"--listen={LOOPBACK}",
            f"--metrics={LOOPBACK}",
            "--service=echo=twisted.protocols.wire.Echo",
        )
        found = await twistd.until(
            r"(?s)services echo at (http\S+)/\n.*Metrics at (http\S+)\n"
        )
        session = await openSession(self, f"{found[1]}/echo")
        labels = {"service": "echo", "transport": "websocket"}
        name = "sockjs_sessions_open"
        self.assertEqual(await self.sample(found[2], name, **labels), 1)
        self.assertIsNotNone(await self.sample(found[2], "process_open_fds"))
        await session.leave()
        ended = "sockjs_sessions_closed_total"
        self.assertEqual(await self.sample(found[2], name, **labels), 0)
        self.assertEqual(await self.sample(found[2], ended, **labels, code="1000"), 1)

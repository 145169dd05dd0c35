"""Runs what the documents show: their Python code and their command lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import treq
from twisted.internet import reactor, task
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import TestCase

from tests.support.documents import Block, blocks


async def get(url: str) -> str:
    """
    The body of a page that must be there.
    """
    response = await treq.get(url, persistent=False)
    assert response.code == 200, f"{url}: {response.code}"
    return await response.text()


async def post(
    url: str, body: str = "", cookies: Mapping[str, str] | None = None
) -> str:
    """
    The body of the answer to a POST, without its line end.
    """
    response = await treq.post(
        url, body.encode("utf-8"), cookies=cookies, persistent=False
    )
    return (await response.text()).rstrip("\n")


class Session:
    """
    An ``xhr`` session of a service.
    """

    def __init__(
        self, service: str, query: str = "", cookies: Mapping[str, str] | None = None
    ) -> None:
        """
        :param service: the base URL of the service.
        :param query: what each URL has at its end.
        :param cookies: what is sent with each request.
        """
        self._url = f"{service.rstrip('/')}/000/{uuid4().hex}"
        self._query = query
        self._cookies = cookies

    async def _post(self, transport: str, body: str = "") -> str:
        return await post(f"{self._url}/{transport}{self._query}", body, self._cookies)

    async def receive(self) -> str:
        """
        The next frame.
        """
        return await self._post("xhr")

    async def send(self, *messages: str) -> None:
        """
        Send messages; the service must take them.
        """
        answer = await self._post("xhr_send", json.dumps(messages))
        assert answer == "", answer

    async def ask(self, *messages: str) -> str:
        """
        Send messages, and return the frame that answers them.
        """
        await self.send(*messages)
        return await self.receive()


async def opened(
    service: str, query: str = "", cookies: Mapping[str, str] | None = None
) -> Session:
    """
    A new session, after its open frame.
    """
    session = Session(service, query, cookies)
    frame = await session.receive()
    assert frame == "o", frame
    return session


class ExampleTestCase(TestCase):
    """
    A test in an empty directory, which is on ``sys.path`` too. What an example listens
    on is a free port of the loopback, whichever port it names.

    :cvar document: what has the examples.
    :ivar here: the directory.
    :ivar space: the names that the examples have defined.
    :ivar triggers: phase, event and call of each system event trigger that they added.
    """

    document: str
    timeout = 30

    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        self.here.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.here)
        self.patch(sys, "path", [str(self.here), *sys.path])
        self.patch(reactor, "listenTCP", self._listen)
        self.space: dict[str, Any] = {"__name__": "example"}
        self.triggers: list[tuple[str, str, Callable[[], Any]]] = []
        self._listenTCP = type(reactor).listenTCP
        self._ports: dict[int, IListeningPort] = {}

    def _listen(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        listening = self._listenTCP(reactor, 0, factory, backlog, "127.0.0.1")
        self.addCleanup(maybeDeferred, listening.stopListening)
        self._ports[port] = listening
        return listening

    def _trigger(
        self, phase: str, event: str, call: Callable[..., Any], *rest: object
    ) -> None:
        self.triggers.append((phase, event, partial(call, *rest)))

    def url(self, port: int, path: str = "") -> str:
        """
        Where an example serves that has named this port.
        """
        return f"http://127.0.0.1:{self._ports[port].getHost().port}/{path}"

    def block(self, name: str) -> Block:
        """
        One of the document's blocks of Python, by name.
        """
        [found] = [b for b in blocks(self.document, "python") if b.name == name]
        return found

    def module(self, block: Block, path: str) -> None:
        """
        Make a module of a block.

        :param path: the module's file.
        """
        self.write(path, block.text)
        parts = Path(path).with_suffix("").parts
        for depth in range(len(parts)):
            self.addCleanup(sys.modules.pop, ".".join(parts[: depth + 1]), None)

    def write(self, path: str, text: str) -> None:
        """
        Make a file.
        """
        file = self.here / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def run_(self, *names: str) -> None:
        """
        Run blocks in one namespace, as a reader would who pastes them in a row.
        """
        # An example that runs the reactor finds it running, and is never shut down.
        with (
            mock.patch.object(task, "react"),
            mock.patch.object(reactor, "addSystemEventTrigger", self._trigger),
        ):
            for name in names:
                where = f"{self.document}: {name}"
                exec(compile(self.block(name).text, where, "exec"), self.space)

    def twistd(self, arguments: list[str]) -> Any:
        """
        Start what a ``twistd`` command line asks for; it is stopped after the test.
        """
        config = ServerOptions()
        config.parseOptions(arguments)
        assert config.subCommand is not None, f"{arguments} start nothing"
        service = config.loadedPlugins[config.subCommand].makeService(config.subOptions)
        self.addCleanup(maybeDeferred, service.stopService)
        service.privilegedStartService()
        service.startService()
        for resource in service.site.services.values():
            # The sessions of a test need no time to end.
            self.addCleanup(resource.service.stop)
        return service

    def assertAllTested(self) -> None:
        """
        Each of the document's blocks of Python has a test with its name.
        """
        names = [block.name for block in blocks(self.document, "python")]
        self.assertTrue(names)
        tests = [name.removeprefix("test_") for name in dir(self)]
        self.assertEqual([name for name in names if name not in tests], [])

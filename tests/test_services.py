"""Tests for `txsockjs.services`: what ``--service`` may name."""

from __future__ import annotations

import sys

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.wire import Echo
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.services import loadService

HERE = __name__


class ChatFactory(Factory):
    protocol = Echo


class BrokenFactory(Factory):
    def __init__(self) -> None:
        raise RuntimeError("no room\nhere")


chat = ChatFactory()


def makeFactory() -> Factory:
    return chat


def makeFactoryClass() -> type[Factory]:
    return ChatFactory


def makeProtocolClass() -> type[Protocol]:
    return Echo


def makeProtocol() -> Protocol:
    return Echo()


def needs(argument: object) -> Factory:
    return chat


class LoadServiceTests(SynchronousTestCase):
    """
    Names that lead to a factory.
    """

    def test_factoryClass(self) -> None:
        """
        A Factory class is called.
        """
        self.assertIsInstance(loadService(f"{HERE}.ChatFactory"), ChatFactory)

    def test_factoryInstance(self) -> None:
        """
        A Factory is taken as it is.
        """
        self.assertIs(loadService(f"{HERE}.chat"), chat)

    def test_protocolClass(self) -> None:
        """
        A Protocol class gets a Factory.
        """
        factory = loadService("twisted.protocols.wire.Echo")
        self.assertIsInstance(factory.buildProtocol(None), Echo)

    def test_callable(self) -> None:
        """
        A callable is called, and may return a Factory, its class or a Protocol class.
        """
        self.assertIs(loadService(f"{HERE}.makeFactory"), chat)
        self.assertIsInstance(loadService(f"{HERE}.makeFactoryClass"), ChatFactory)
        factory = loadService(f"{HERE}.makeProtocolClass")
        self.assertIsInstance(factory.buildProtocol(None), Echo)


class RefusalTests(SynchronousTestCase):
    """
    Names that lead to nothing: the error is one line.
    """

    def assertRefused(self, value: str, *words: str) -> None:
        message = str(self.assertRaises(ValueError, loadService, value))
        self.assertEqual(len(message.splitlines()), 1, message)
        for word in words:
            self.assertIn(word, message)

    def module(self, source: str) -> str:
        """
        The name of a new module.
        """
        directory = FilePath(self.mktemp())
        directory.makedirs()
        directory.child("broken_service.py").setContent(source.encode("utf-8"))
        self.patch(sys, "path", [directory.path, *sys.path])
        self.addCleanup(sys.modules.pop, "broken_service", None)
        return "broken_service"

    def test_noModule(self) -> None:
        """
        A module that is not there is named.
        """
        self.assertRefused("no_such_module.Chat", "no module 'no_such_module'")
        self.assertRefused("no_such_module", "no_such_module")

    def test_noAttribute(self) -> None:
        """
        A name that the module lacks is named, with the module.
        """
        self.assertRefused(f"{HERE}.Chat", HERE, "'Chat'")

    def test_noName(self) -> None:
        """
        What cannot be a name is shown.
        """
        self.assertRefused("a..b", "a..b")

    def test_importFails(self) -> None:
        """
        An exception in the module is shown with its place.
        """
        name = self.module("import sys\n\nraise KeyError('password')\n")
        self.assertRefused(f"{name}.Chat", "KeyError", "'password'", ".py, line 3")

    def test_syntaxError(self) -> None:
        """
        A module that is no Python is shown with its place.
        """
        name = self.module("def chat(:\n")
        self.assertRefused(f"{name}.Chat", "SyntaxError", "broken_service.py, line 1")

    def test_missingDependency(self) -> None:
        """
        A module that cannot import another one is not taken for missing itself.
        """
        name = self.module("import no_such_module\n")
        self.assertRefused(f"{name}.Chat", "'no_such_module'", "broken_service.py")

    def test_constructorFails(self) -> None:
        """
        A Factory class, or a callable, that raises is shown, on one line.
        """
        self.assertRefused(f"{HERE}.BrokenFactory", "RuntimeError: no room here")
        self.assertRefused(f"{HERE}.needs", "TypeError", "'argument'")

    def test_somethingElse(self) -> None:
        """
        What is no factory and makes none is shown, with what would do.
        """
        self.assertRefused("sys.version_info", "neither a Factory")
        self.assertRefused("sys", "<module 'sys'", "neither a Factory")
        self.assertRefused(f"{HERE}.makeProtocol", "Echo", "neither a Factory")

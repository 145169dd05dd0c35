"""The endpoint string of a client, and its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.client import Settings, SockJSClientEndpoint
from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import InvalidURL, OptionError

#: A value for each setting, as a string may carry it, and what it then is.
VALUES: dict[str, tuple[str, object]] = {
    "transports": ("xhr-polling,websocket", ("xhr-polling", "websocket")),
    "raw": ("true", True),
    "timeout": ("12.5", 12.5),
    "attempt_timeout": ("3", 3.0),
    "info_timeout": ("2", 2.0),
    "close_timeout": ("1.5", 1.5),
    "heartbeat": ("0", None),
    "max_message_size": ("64k", 65536),
    "max_buffer": ("1000000", 1_000_000),
    "encoding": ("latin-1", "latin-1"),
    "subprotocols": ("chat,v2.chat", ("chat", "v2.chat")),
    "compression": ("on", True),
}


def parse(description: str) -> Any:
    return clientFromString(MemoryReactorClock(), description)


class StringTests(SynchronousTestCase):
    def test_plugin(self) -> None:
        """
        Twisted finds the parser by the prefix ``sockjs``.
        """
        endpoint = parse(r"sockjs:https\://a.example\:8443/echo?t\=1")
        self.assertIsInstance(endpoint, SockJSClientEndpoint)
        self.assertEqual(str(endpoint.url), "https://a.example:8443/echo?t=1")
        self.assertEqual(endpoint.settings, Settings())

    def test_everySetting(self) -> None:
        """
        Every setting that there is can be a keyword.
        """
        self.assertEqual(set(VALUES), {name for name, _, _ in Settings.fields()})
        for name, (text, value) in VALUES.items():
            settings = parse(rf"sockjs:http\://a.example/:{name}={text}").settings
            self.assertEqual(getattr(settings, name), value, name)

    def test_said(self) -> None:
        """
        Headers and cookies, any number of them, are sent to the service.
        """
        endpoint = parse(
            r"sockjs:http\://a.example/:header.Authorization=Bearer x\=:header.X-Y=1\:2"
            ":cookie.a=b:cookie.c=d:proxy="
        )
        headers = endpoint.web.headersFor("http://a.example/1/2/websocket")
        cookies = headers.pop("Cookie")
        self.assertEqual(set(cookies.split("; ")), {"a=b", "c=d"})
        lower = {name.lower(): value for name, value in headers.items()}
        self.assertEqual(lower, {"authorization": "Bearer x=", "x-y": "1:2"})

    def assertRefused(
        self, keywords: str, *words: str, kind: Any = OptionError
    ) -> None:
        error = self.assertRaises(
            kind, parse, rf"sockjs:https\://a.example/:{keywords}"
        )
        for word in words:
            self.assertIn(word, str(error))

    def test_wrongURL(self) -> None:
        """
        What is no URL of a service is refused, with what would do.
        """
        for description, words in (
            ("sockjs:", "takes one URL"),
            ("sockjs:http://a.example/", r"as in sockjs:https\://example.com/echo"),
            (r"sockjs:tcp\:a.example", "http, https, ws or wss"),
        ):
            error = self.assertRaises(ValueError, parse, description)
            self.assertIn(words, str(error))

    def test_wrongKeywords(self) -> None:
        """
        A keyword that is unknown or a value that will not do is named, and so is what
        would do.
        """
        self.assertRefused("timeut=5", "'timeut'", "did you mean timeout?")
        self.assertRefused("timeout=never", "'timeout'", "'never'", "seconds above 0")
        self.assertRefused("transports=", "at least one of websocket, xhr-streaming")
        self.assertRefused("transports=websocket,websocket", "each once")
        self.assertRefused("subprotocols=a b", "subprotocols", "'a b'")
        self.assertRefused("max_message_size=0", "max_message_size", "1 or more")
        for name in "reactor", "self", "url":
            self.assertRefused(f"{name}=x", f"'{name}'", "no such setting")
        for name in "headers", "cookies", "contextFactory":
            self.assertRefused(f"{name}=x", f"'{name}'", "header.NAME")
        self.assertRefused("header.=x", "'header.'")
        self.assertRefused("cookie.a=b\r\nc", "'cookie.a'", "printable")
        self.assertRefused(r"proxy=ftp\://b", "ftp://b", kind=InvalidURL)


class TLSTests(SynchronousTestCase):
    """
    Files of certificates that a string names.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        authority = trustme.CA()
        own = authority.issue_cert("client.example")
        self.write("ca.pem", authority.cert_pem.bytes() * 2)
        self.write("cert.pem", own.cert_chain_pems[0].bytes())
        self.write("key.pem", own.private_key_pem.bytes())
        self.write("both.pem", own.private_key_and_cert_chain_pem.bytes())
        self.write("empty.txt", b"")

    def write(self, name: str, data: bytes) -> None:
        (self.directory / name).write_bytes(data)

    def parse(self, keywords: str) -> Any:
        return parse(
            r"sockjs:https\://a.example/:" + keywords.replace("@", f"{self.directory}/")
        )

    def test_good(self) -> None:
        """
        The authorities may be in a file or a directory, the key in a file of its own.
        """
        for keywords in (
            "trustRoots=@ca.pem",
            "trustRoots=@",
            "certificate=@both.pem",
            "certificate=@cert.pem:privateKey=@key.pem",
            "trustRoots=@ca.pem:certificate=@both.pem",
        ):
            endpoint = self.parse(keywords)
            creator = endpoint.web._policy.creatorForNetloc(b"a.example", 443)
            self.assertTrue(IOpenSSLClientConnectionCreator.providedBy(creator))

    def test_wrong(self) -> None:
        """
        A file that will not do is named, with the keyword.
        """
        for keywords, name, words in (
            ("trustRoots=@none.pem", "trustRoots", "none.pem' cannot be read: No such"),
            ("trustRoots=@empty.txt", "trustRoots", "has no certificates"),
            ("trustRoots=@key.pem", "trustRoots", "has no certificates"),
            ("certificate=@none.pem", "certificate", "cannot be read"),
            ("certificate=@cert.pem", "certificate", "and its private key"),
            ("certificate=@key.pem", "certificate", "and its private key"),
            ("certificate=@cert.pem:privateKey=@", "privateKey", "cannot be read"),
            ("privateKey=@key.pem", "privateKey", "it takes a certificate"),
        ):
            error = self.assertRaises(OptionError, self.parse, keywords)
            self.assertEqual(error.name, name)
            self.assertIn(words, str(error))


class SettingsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """
        All transports are tried, in the order of the browser's client.
        """
        self.assertEqual(Settings().transports, TRANSPORTS)

    def test_meanings(self) -> None:
        """
        Each setting says what it is for, in a line.
        """
        for name, default, meaning in Settings.fields():
            self.assertTrue(0 < len(meaning) < 120, name)
            self.assertEqual(Settings(**{name: default}), Settings(), name)

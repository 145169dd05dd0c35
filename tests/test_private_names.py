"""Which private names of Twisted, pyOpenSSL, Autobahn and h2 are used, and where.

An underscore, or a lack of documentation, says that a name may go with the next
release. They are listed here, and few rooms know them.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from importlib import import_module
from typing import Any

from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from h2.connection import H2Connection as Machine
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http, server
from twisted.web._http2 import H2Connection, H2Stream
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource

from tests.support.documents import literals, rows
from tests.support.sockets import frame, upgrade, upgraded
from tests.test_architecture import Module, packageModules
from txsockjs.testing import MemoryReactor, MemorySite

#: The rooms that may know private names, and those that they know: whose, and which.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "txsockjs.web.records": {
        "BufferingTLSTransport": (
            "_aborted",
            "_appSendBuffer",
            "_flushReceiveBIO",
            "_handshakeDone",
            "_lostTLSConnection",
            "_tlsConnection",
        ),
        "Connection": ("_from_ssl", "_into_ssl", "_ssl"),
    },
    "txsockjs.web.wire": {
        "Server": ("_tempDataLen", "dataBuffer", "offset", "TLS"),
        "BufferingTLSTransport": ("_aggregator", "_appSendBuffer"),
        "_AggregateSmallWrites": ("_buffer",),
        "H2Stream": ("_conn",),
        "H2Connection": ("_outboundStreamQueues",),
    },
    "txsockjs.web.response": {
        "Request": ("_encoder", "startedWriting", "sentLength", "chunked"),
    },
    "txsockjs.web.head": {"Headers": ("_rawHeaders",)},
    "txsockjs.web.body": {
        "HTTPChannel": ("_command", "_path", "_version"),
        "Headers": ("_rawHeaders",),
        "Request": ("_adapterCache", "_parsePOSTFormSubmission"),
    },
    "txsockjs.web.channel": {
        "HTTPChannel": (
            "_finishRequestBody",
            "_handlingRequest",
            "_networkProducer",
            "_path",
            "_receivedHeaderCount",
            "_receivedHeaderSize",
            "_requestProducer",
            "_respondToBadRequestAndDisconnect",
            "_waitingForTransport",
        ),
        "Request": ("startedWriting",),
        "Server": ("TLS",),
    },
    "txsockjs.web.site": {
        "http": ("_GenericHTTPChannelProtocol",),
        "_GenericHTTPChannelProtocol": (
            "_callLater",
            "_channel",
            "_negotiatedProtocol",
            "_requestFactory",
            "_site",
            "_timeOut",
        ),
    },
    "txsockjs.web.handover": {
        "Server": ("_shouldShutdown",),
        "Request": ("startedWriting",),
    },
    "txsockjs.web.http2": {
        "H2Connection": (
            "_isSecure",
            "_outboundStreamQueues",
            "_respondToBadRequestAndDisconnect",
            "_send100Continue",
        ),
    },
    "txsockjs.web.http2machine": {"Machine": ("_receive_frame",)},
    "txsockjs.web.http2sender": {"twisted.web": ("_http2",)},
    "txsockjs.transports.socket": {
        "WebSocketServerProtocol": (
            "_connectionLost",
            "_connectionMade",
            "_fail_connection",
            "_isMessageCompressed",
            "_onOpen",
            "_onPing",
            "_onPong",
            "_perMessageCompress",
            "_transport_details",
            "_wskey",
            "current_frame",
            "http_response_data",
            "inside_message",
            "message_data",
        ),
    },
    "txsockjs.client.socket": {
        "WebSocketClientProtocol": (
            "_fail_connection",
            "_isMessageCompressed",
            "_max_message_size_exceeded",
            "_onOpen",
            "_onPing",
            "_onPong",
            "_perMessageCompress",
            "_transport_details",
            "current_frame",
            "http_response_data",
            "http_status_line",
            "inside_message",
            "message_data",
            "websocket_key",
        ),
    },
    "txsockjs.client.sharing": {"WebSocketClientProtocol": ("_connectionMade",)},
}

# Names without an underscore that no documentation has.
UNDOCUMENTED = {
    "TLS",
    "chunked",
    "current_frame",
    "dataBuffer",
    "http_response_data",
    "http_status_line",
    "inside_message",
    "message_data",
    "offset",
    "sentLength",
    "startedWriting",
    "websocket_key",
}

# It is only a type's name, of the standard library's.
_TYPES = {"_Decompress"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_OURS = ("txsockjs", "builtins", "zope", "typing", "enum", "abc")


def isPrivate(name: str) -> bool:
    """
    Whether a name is private, and not one of the language's own.
    """
    return name in UNDOCUMENTED or bool(re.fullmatch("_[A-Za-z]\\w*", name))


@cache
def defined(module: Module) -> set[str]:
    """
    The private names that a module gives to something of its own.
    """
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
            if node.id == "__slots__":
                found |= _strings(module.tree)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) == "self"
        ):
            found.add(node.attr)
    return set(filter(isPrivate, found))


def _strings(tree: ast.AST) -> set[str]:
    return {
        str(item.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__"
        for item in ast.walk(node.value)
        if isinstance(item, ast.Constant)
    }


def used(tree: ast.AST) -> set[str]:
    """
    The private names that there are in any way: of attributes, also as text, of what a
    class has, which may be an override, and of imports.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, FUNCTIONS):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.ImportFrom) and node.module not in packageModules():
            found |= {alias.name for alias in node.names}
            found |= set(str(node.module).split("."))
    return set(filter(isPrivate, found)) - _TYPES


def foreign(module: Module) -> set[str]:
    """
    Those of them that are not the package's own, or that a base class has too which is
    not the package's.
    """
    here = vars(import_module(module.name))
    own = {*defined(module)}
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module in packageModules():
            # Values of ours have attributes that are called as some of Twisted's.
            own |= defined(packageModules()[node.module]) & UNDOCUMENTED
        if isinstance(node, ast.ClassDef) and inspect.isclass(here.get(node.name)):
            bases = here[node.name].__mro__[1:]
            for base in bases:
                if base.__module__ in packageModules():
                    own |= defined(packageModules()[base.__module__])
                elif base.__module__.partition(".")[0] not in _OURS:
                    found |= {name for name in used(node) if _has(base, name)}
    return found | (used(module.tree) - own)


def _has(kind: type, name: str) -> bool:
    """
    Whether a class, or an instance of it, has an attribute.
    """
    if name in vars(kind):
        return True
    return re.search(rf"self\.{name}\b", _source(kind)) is not None


@cache
def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        # It is written in C.
        return ""


def alive() -> dict[str, Any]:
    """
    What has the names, in use: what is set on an instance shows there alone.
    """
    site = server.Site(Resource(), reactor=MemoryReactor())
    memory = MemorySite(site)
    generic: Any = site.buildProtocol(None)
    generic.makeConnection(StringTransport())
    generic.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
    channel = generic._channel
    tls: Any = TLSMemoryBIOFactory(
        CertificateOptions(), True, Factory.forProtocol(Protocol), Clock()
    ).buildProtocol(None)
    tls.makeConnection(StringTransport())
    memory.connect(Protocol())
    connection: Any = H2Connection(Clock())
    connection.makeConnection(StringTransport())
    headers = [(b":method", b"GET"), (b":path", b"/")]
    stream = H2Stream(1, connection, headers, server.Request, site, site)
    factory = WebSocketServerFactory(reactor=Clock())
    factory.protocol = WebSocketServerProtocol
    socket = factory.buildProtocol(None)
    socket.makeConnection(StringTransport())
    socket.dataReceived(upgrade("/") + frame(b"x", final=False))
    clients = WebSocketClientFactory(reactor=Clock())
    clients.protocol = WebSocketClientProtocol
    client = clients.buildProtocol(None)
    client.makeConnection(StringTransport())
    client.dataReceived(upgraded(client.websocket_key) + frame(b"", mask=None))
    found = {
        "Server": memory._transports[0],
        "BufferingTLSTransport": tls,
        "_AggregateSmallWrites": tls._aggregator,
        "Connection": tls.getHandle(),
        "H2Stream": stream,
        "H2Connection": connection,
        "Request": channel.requests[0],
        "Headers": Headers(),
        "HTTPChannel": channel,
        "http": http,
        "_GenericHTTPChannelProtocol": generic,
        "Machine": Machine(),
        "twisted.web": import_module("twisted.web"),
        "WebSocketClientProtocol": client,
        "WebSocketServerProtocol": socket,
    }
    channel.setTimeout(None)
    memory.stop()
    return found


class PrivateNameTests(SynchronousTestCase):
    """
    Private names of others.
    """

    def test_listed(self) -> None:
        """
        Each that is used is listed, and each that is listed is used.
        """
        found = {name: foreign(module) for name, module in packageModules().items()}
        # To Twisted's streams, it stands in for Twisted's connection.
        found["txsockjs.web.http2"] |= defined(
            packageModules()["txsockjs.web.http2"]
        ) & {name for names in NAMES["txsockjs.web.http2"].values() for name in names}
        listed = {
            room: {name for names in whose.values() for name in names}
            for room, whose in NAMES.items()
        }
        self.assertEqual(
            {room: sorted(names) for room, names in found.items() if names},
            {room: sorted(names) for room, names in listed.items()},
        )

    def test_there(self) -> None:
        """
        Each is still there, in what is installed.
        """
        living = alive()
        self.assertIs(type(living["Server"]), Server)
        self.assertIs(type(living["BufferingTLSTransport"]), BufferingTLSTransport)
        gone = [
            f"{whose}.{name}"
            for owners in NAMES.values()
            for whose, names in owners.items()
            for name in names
            if not hasattr(living[whose], name)
        ]
        self.assertEqual(gone, [])

    def test_document(self) -> None:
        """
        The document says which rooms know such names.
        """
        documented = {
            f"txsockjs.{name}"
            for row in rows("docs/architecture.rst", "Rooms that know private names")
            for name in literals(row[0])
        }
        self.assertEqual(documented, set(NAMES))

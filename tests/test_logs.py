"""What is logged, and what never is: the session's id, and what is said in it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs import Rejected, SockJSMultiFactory, handler
from txsockjs.bridge import BridgeFactory
from txsockjs.multiplex import MultiplexFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

#: What stands for a session's id, and for what is said: in no event.
ID, SAID = "SecretId", "SecretText"

TRANSPORTS = ("xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")

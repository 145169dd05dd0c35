"""The endpoint strings ``sockjs:``."""

from txsockjs.client.strings import SockJSClientParser
from txsockjs.endpoints import SockJSServerParser

sockJSClientParser = SockJSClientParser()
sockJSServerParser = SockJSServerParser()

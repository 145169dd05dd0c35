"""The endpoint string ``sockjs:``."""

from txsockjs.endpoints import SockJSServerParser

sockJSServerParser = SockJSServerParser()

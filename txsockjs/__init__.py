"""txsockjs: the SockJS server for Twisted."""

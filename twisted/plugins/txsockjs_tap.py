"""The command ``twistd sockjs``."""

from twisted.application.service import ServiceMaker

sockJSServiceMaker = ServiceMaker(
    "SockJS", "txsockjs.tap", "Serve any Factory to browsers, over SockJS.", "sockjs"
)

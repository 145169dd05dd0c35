"""What ``twistd sockjs`` serves when it is given no service: four small protocols with
a console for each, rooms with a chat, and charts of round trips by transport."""

from txsockjs.demo.page import CLIENT_PATH, documentation, pages
from txsockjs.demo.services import HISTORY, factories

__all__ = ["CLIENT_PATH", "HISTORY", "documentation", "factories", "pages"]

"""The chat."""

from sockjs.tornado import SockJSConnection, SockJSRouter


class ChatConnection(SockJSConnection):
    """Chat connection implementation"""

    # Class level variable
    participants = set()

    def on_open(self, info):
        # Send that someone joined
        self.broadcast(self.participants, "Someone joined.")

        # Add client to the clients list
        self.participants.add(self)

    def on_message(self, message):
        # Broadcast message
        self.broadcast(self.participants, message)

    def on_close(self):
        # Remove client from the clients list and broadcast leave message
        self.participants.remove(self)

        self.broadcast(self.participants, "Someone left.")


ChatRouter = SockJSRouter(ChatConnection, "/chat")
urls = ChatRouter.urls

"""Multiplexing: channels over one session, each with a connection class of its own."""

from sockjs.tornado import SockJSConnection, SockJSRouter, conn, session


class ChannelSession(session.BaseSession):
    def __init__(self, conn, server, base, name):
        super().__init__(conn, server)

        self.base = base
        self.name = name

    def send_message(self, msg, stats=True, binary=False):
        if not self.base.is_closed:
            msg = f"msg,{self.name},{msg}"
            self.base.session.send_message(msg, stats)

    def on_message(self, msg):
        self.conn.on_message(msg)

    def close(self, code=3000, message="Go away!"):
        self.base.send("uns," + self.name)
        self._close(code, message)

    # Non-API version of the close, without sending the close message
    def _close(self, code=3000, message="Go away!"):
        super().close(code, message)


class DummyHandler:
    name = "multiplex"

    def __init__(self, conn_info):
        self.conn_info = conn_info

    def get_conn_info(self):
        return self.conn_info

    def session_closed(self):
        pass


class MultiplexConnection(conn.SockJSConnection):
    channels = {}

    def on_open(self, info):
        self.endpoints = {}
        self.handler = DummyHandler(self.session.conn_info)

    def on_message(self, msg):
        parts = msg.split(",", 2)
        op, chan = parts[0], parts[1]

        if chan not in self.channels:
            return

        if chan in self.endpoints:
            session = self.endpoints[chan]

            if op == "uns":
                del self.endpoints[chan]
                session._close()
            elif op == "msg":
                session.on_message(parts[2])
        elif op == "sub":
            session = ChannelSession(
                self.channels[chan], self.session.server, self, chan
            )
            session.set_handler(self.handler)
            session.verify_state()

            self.endpoints[chan] = session

    def on_close(self):
        for chan in self.endpoints:
            self.endpoints[chan]._close()

    @classmethod
    def get(cls, **kwargs):
        return type("MultiplexConnection", (MultiplexConnection,), {"channels": kwargs})


class AnnConnection(SockJSConnection):
    def on_open(self, info):
        self.send("Ann says hi!!")

    def on_message(self, message):
        self.send("Ann nods: " + message)


class BobConnection(SockJSConnection):
    clients = set()

    def on_open(self, info):
        self.clients.add(self)

    def on_message(self, message):
        self.broadcast(self.clients, "Bob repeats: " + message)

    def on_close(self):
        self.clients.remove(self)
        self.broadcast(self.clients, "Bob is alone")


class CarlConnection(SockJSConnection):
    def on_open(self, info):
        self.send("Carl says goodbye!")

        # Close connection
        self.close()

    def on_message(self, message):
        pass


Multiplexer = MultiplexConnection.get(
    ann=AnnConnection, bob=BobConnection, carl=CarlConnection
)
EchoRouter = SockJSRouter(Multiplexer, "/echo")
urls = EchoRouter.urls

"""
A floor: long polling on bare twisted.web, with no form parsing and no access log.

One Resource, one dict, and no checks: what two requests cost before SockJS comes in.
"""

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from benchmarks.servers.twisted_serving import serve


class Polling(Resource):
    """``/echo/000/SESSION/xhr`` and ``xhr_send``; each session has a list of bodies."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[bytes, list[bytes]] = {}
        self.waiting: dict[bytes, Request] = {}

    def render_POST(self, request: Request) -> bytes | int:
        session, method = request.postpath[-2:]
        if method == b"xhr":
            if session not in self.bodies:
                self.bodies[session] = []
                return b"o\n"
            if self.bodies[session]:
                return b"a" + self.bodies[session].pop(0) + b"\n"
            self.waiting[session] = request
            return NOT_DONE_YET
        body = request.content.read()
        waiting = self.waiting.pop(session, None)
        if waiting is None:
            self.bodies[session].append(body)
        else:
            answer = b"a" + body + b"\n"
            waiting.setHeader(b"content-length", b"%d" % len(answer))
            waiting.write(answer)
            waiting.finish()
        request.setResponseCode(204)
        return b""


class Silent(Site):
    """A Site that writes no access log."""

    def log(self, request: Request) -> None:
        """Say nothing."""


if __name__ == "__main__":
    serve(Silent(Polling(), parsePOSTFormSubmission=False))

"""Messages that want to end the script that carries them."""

from __future__ import annotations

import re

from tests.support.serving import ServiceCase

HOSTILE = [
    "</script>",
    "</SCRIPT ><script>alert(1)</script>",
    "<!--",
    "<!--<script>",
    "-->",
    "]]>",
    "\u2028",
    "\u2029",
    '"); alert(1); ("',
    '\\"); alert(1); ("',
    "\\",
    "\\\\",
    "\n\r\0",
    "\ud800",
    "&lt;/script&gt;",
]


class ScriptTests(ServiceCase):
    def carried(self, url: str) -> bytes:
        """
        The response that carries all of the messages.
        """
        self.serve()
        self.client.request("GET", url) if "jsonp" in url else None
        response = self.client.request("GET", url)
        transport = self.sessions[0].transport
        for text in HOSTILE:
            transport.sendMessage(text)
        transport.loseConnection(3000, "".join(HOSTILE[:4]))
        self.site.settle()
        return response.body

    def test_htmlfile(self) -> None:
        """
        Each frame is one script, with one string in it and nothing that ends either.
        """
        body = self.carried("/0/s/htmlfile?c=f").partition(b"\r\n\r\n")[2]
        scripts = re.findall(rb'<script>\np\("(.*?)"\);\n</script>\r\n', body, re.S)
        self.assertEqual(len(scripts), 3)
        for script in scripts:
            self.assertNotRegex(script, rb"[<>\n\r\0]")
            self.assertNotRegex(script, rb'(?<!\\)(\\\\)*"')
            self.assertNotIn("\u2028".encode(), script)
        rest = re.sub(rb'<script>\np\(".*?"\);\n</script>\r\n', b"", body, flags=re.S)
        self.assertEqual(rest, b"")

    def test_jsonp(self) -> None:
        """
        The call has one string in it, and nothing that ends that.
        """
        body = self.carried("/0/s/jsonp?c=f")
        (literal,) = re.findall(rb'\A/\*\*/f\("(.*)"\);\r\n\Z', body, re.S)
        self.assertNotRegex(literal, rb"[\n\r\0]")
        self.assertNotRegex(literal, rb'(?<!\\)(\\\\)*"')
        self.assertNotIn("\u2028".encode(), literal)

    def test_eventSource(self) -> None:
        """
        No message begins a line of its own in an event stream.
        """
        body = self.carried("/0/s/eventsource")
        events = body.removeprefix(b"\r\n").removesuffix(b"\r\n\r\n").split(b"\r\n\r\n")
        self.assertEqual(len(events), 3)
        for event in events:
            self.assertRegex(event, rb"\Adata: [^\r\n]*\Z")

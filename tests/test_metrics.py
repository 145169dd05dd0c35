"""Tests of `txsockjs.metrics`, and of ``twistd sockjs --metrics``."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from treq.testing import StubTreq
from twisted.internet.protocol import Factory
from twisted.logger import globalLogPublisher
from twisted.protocols.wire import Echo
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from tests.test_tap import ECHO, TapTestCase
from txsockjs import SockJSMultiFactory, SockJSResource
from txsockjs.core.outbox import MESSAGE_COST
from txsockjs.metrics import MetricsResource, SockJSCollector, metricsSite
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite


class MetricsTestCase(SynchronousTestCase):
    """Two services, ``a`` and ``b/c``, and a registry."""

    def setUp(self) -> None:
        self.site = SockJSMultiFactory(clock=MemoryReactor())
        for name in "a", "b/c":
            self.site.addFactory(Factory.forProtocol(Echo), name)
        self.memory = MemorySite(self.site)
        self.addCleanup(self.memory.stop)
        self.client = MemoryClient(self.memory)
        self.registry = CollectorRegistry()
        self.registry.register(SockJSCollector(self.site.services.values()))

    def assertSample(self, value: float | None, name: str, **labels: str) -> None:
        """The registry has this value now, or none."""
        found = self.registry.get_sample_value(f"sockjs_{name}", labels)
        self.assertEqual(found, value, (name, labels))


class CollectorTests(MetricsTestCase):
    """What Prometheus reads."""

    def test_sessions(self) -> None:
        """Sessions by service and transport, and the ended ones by code too."""
        session = self.client.session("xhr", "/a")
        self.client.session("websocket", "/b/c").abort()
        here = {"service": "a", "transport": "xhr"}
        there = {"service": "b/c", "transport": "websocket"}
        self.assertSample(1, "sessions_open", **here)
        self.assertSample(0, "sessions_open", **there)
        self.assertSample(1, "sessions_opened_total", **here)
        self.assertSample(1, "sessions_opened_total", **there)
        self.assertSample(0, "sessions_closed_total", **here, code="1006")
        self.assertSample(1, "sessions_closed_total", **there, code="1006")
        session.abort()
        self.assertSample(0, "sessions_open", **here)

    def test_traffic(self) -> None:
        """Messages and bytes, each way, and what had to wait."""
        self.client.websocket("/a/0/s/websocket").send('["hello","you"]')
        self.client.request("POST", "/a/0/s/xhr")
        self.client.request("POST", "/a/0/s/xhr_send", body=b'["hello"]')
        self.client.request("POST", "/a/0/s/xhr")
        for transport, messages, size, held in (
            ("websocket", 2, 15, 0),
            ("xhr", 1, 9, 5 + MESSAGE_COST),
        ):
            labels = {"service": "a", "transport": transport}
            for way in "received", "sent":
                self.assertSample(messages, f"messages_{way}_total", **labels)
                self.assertSample(size, f"bytes_{way}_total", **labels)
            self.assertSample(held, "buffer_high_water_bytes", **labels)

    def test_refused(self) -> None:
        """What was refused, by service and cause."""
        self.client.request("POST", "/a/0/s/xhr_send", body=b'["hello"]')
        self.assertSample(1, "refused_total", service="a", cause="UnknownSession")
        self.assertSample(0, "refused_total", service="b/c", cause="UnknownSession")

    def test_fromTheStart(self) -> None:
        """
        Before anything has happened there is 0 for each transport that is offered, each
        code that a session is known to end with, and each cause.
        """
        self.site.addFactory(Factory.forProtocol(Echo), "d", {"websocket": False})
        for transport, value in {
            **dict.fromkeys(("xhr", "xhr_streaming", "eventsource", "jsonp"), 0),
            **dict.fromkeys(("websocket", "rawwebsocket", "xhr_send"), None),
        }.items():
            labels = {"service": "d", "transport": transport}
            self.assertSample(value, "sessions_open", **labels)
            self.assertSample(value, "messages_sent_total", **labels)
            for code in "1000", "1006", "1012", "3000":
                self.assertSample(value, "sessions_closed_total", **labels, code=code)
        labels = {"service": "a", "transport": "rawwebsocket"}
        self.assertSample(0, "sessions_opened_total", **labels)
        for cause in "ServiceFull", "OriginRefused", "Rejected", "TimedOut", "Fault":
            self.assertSample(0, "refused_total", service="d", cause=cause)
        self.assertEqual(self.site.services["d"].counters, {})

    def test_ownCode(self) -> None:
        """A code of the application's is there once it was used."""
        labels = {"service": "a", "transport": "xhr", "code": "4001"}
        self.assertSample(None, "sessions_closed_total", **labels)
        self.client.request("POST", "/a/0/s/xhr")
        self.site.services["a"].closeSessions(4001, "bye")
        self.client.request("POST", "/a/0/s/xhr")
        self.assertSample(1, "sessions_closed_total", **labels)

    def test_names(self) -> None:
        """Two services of one name cannot be told apart: they are refused."""
        echo = Factory.forProtocol(Echo)
        services = [SockJSResource(echo, clock=MemoryReactor()) for _ in range(2)]
        with self.assertRaisesRegex(ValueError, "two services are called 'sockjs'"):
            SockJSCollector(services)

    def test_added(self) -> None:
        """A service that is added later is there too."""
        self.site.addFactory(Factory.forProtocol(Echo), "late")
        self.client.session("xhr", "/late")
        labels = {"service": "late", "transport": "xhr"}
        self.assertSample(1, "sessions_open", **labels)

    def test_described(self) -> None:
        """Each metric is described; a second collector of the same is refused."""
        described = {metric.name for metric in SockJSCollector(()).describe()}
        self.client.session("xhr", "/a")
        collected = {metric.name for metric in self.registry.collect()}
        self.assertEqual(described, collected)
        self.assertTrue(all(metric.documentation for metric in self.registry.collect()))
        self.assertRaises(ValueError, self.registry.register, SockJSCollector(()))


class ResourceTests(MetricsTestCase):
    """The page that Prometheus fetches."""

    def get(self, resource: Any, accept: str) -> tuple[str, str]:
        """Content type and text."""
        treq = StubTreq(resource)
        response = self.successResultOf(
            treq.get("http://metrics.test/metrics", headers={"Accept": accept})
        )
        [contentType] = response.headers.getRawHeaders("Content-Type")
        return contentType, self.successResultOf(response.text())

    def test_text(self) -> None:
        """It is Prometheus's text format, with all that the registry has."""
        self.client.session("xhr", "/a")
        contentType, text = self.get(MetricsResource(self.registry), "*/*")
        self.assertTrue(contentType.startswith("text/plain; version=0.0.4"))
        found = {family.name for family in text_string_to_metric_families(text)}
        self.assertEqual(found, {metric.name for metric in self.registry.collect()})

    def test_openMetrics(self) -> None:
        """Or OpenMetrics, where that is asked for."""
        accept = "application/openmetrics-text; version=1.0.0"
        contentType, text = self.get(MetricsResource(self.registry), accept)
        self.assertTrue(contentType.startswith("application/openmetrics-text"))
        self.assertTrue(text.endswith("# EOF\n"))

    def test_oddAccept(self) -> None:
        """What cannot be understood as an Accept gets what asks for nothing gets."""
        plain, _ = self.get(MetricsResource(self.registry), "*/*")
        for accept in (
            "application/openmetrics-text; version=x.1",
            "text/plain; version=abc",
            "text/plain; version=" + "9" * 5000,
            "\xff",
        ):
            contentType, text = self.get(MetricsResource(self.registry), accept)
            self.assertIn("# TYPE sockjs_sessions_open gauge", text)
            if not accept.startswith("application"):
                self.assertEqual(contentType, plain, accept[:60])

    def test_head(self) -> None:
        """HEAD has the headers of GET and no body, and nothing is logged."""
        memory = MemorySite(metricsSite(self.site.services.values(), MemoryReactor()))
        self.addCleanup(memory.stop)
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        response = MemoryClient(memory).request("HEAD", "/metrics")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertTrue(response.headers.hasHeader("Content-Length"))
        self.assertEqual(events, [])

    def test_site(self) -> None:
        """A site of its own has the process's metrics as well."""
        site = metricsSite(self.site.services.values(), MemoryReactor())
        _, text = self.get(site.resource, "*/*")
        for name in "sockjs_sessions_open", "process_open_fds":
            self.assertIn(f"# TYPE {name} gauge\n", text)

    def test_bodies(self) -> None:
        """That site takes no body at all, announced or not, and a GET as any does."""
        reactor = MemoryReactor()
        memory = MemorySite(metricsSite(self.site.services.values(), reactor))
        self.addCleanup(memory.stop)
        chunked = {"Transfer-Encoding": "chunked"}
        for status, headers in (
            (200, {}),
            (200, {"Content-Length": "0"}),
            (413, {"Content-Length": "1"}),
            (413, {"Content-Length": str(10**12)}),
            (413, chunked),
        ):
            body = b"1\r\nx\r\n" if headers is chunked else b""
            client = MemoryClient(memory)
            response = client.request("GET", "/metrics", headers=headers, body=body)
            self.assertEqual(response.status, status, headers)
        self.assertEqual(MemoryClient(memory).request("GET", "/").status, 404)


class CommandTests(TapTestCase):
    """``twistd sockjs --metrics``."""

    def test_listens(self) -> None:
        """It serves the metrics of all services on the ports that it is given."""
        service = self.start("--service", ECHO, "--metrics=tcp:91", "--metrics=tcp:92")
        sites = {server[0]: server[1] for server in self.reactor.tcpServers}
        self.assertEqual(set(sites), {8080, 91, 92})
        self.assertIs(sites[8080], service.site)
        self.assertIs(sites[91], sites[92])
        treq = StubTreq(sites[91].resource)
        for path, status in ("/metrics", 200), ("/echo", 404):
            response = self.successResultOf(treq.get(f"http://metrics.test{path}"))
            self.assertEqual(response.code, status)

    def without(self) -> None:
        """Have the extra not installed."""
        patch = mock.patch.dict(sys.modules, prometheus_client=None)
        patch.start()
        self.addCleanup(patch.stop)
        del sys.modules["txsockjs.metrics"]

    def test_none(self) -> None:
        """Without it there are none, and the extra is not needed."""
        self.without()
        self.start("--service", ECHO)
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_notInstalled(self) -> None:
        """With it, and without the extra, one line says what to install."""
        self.without()
        error = self.assertRaises(UsageError, self.parse, "--metrics=tcp:91")
        self.assertIn("install txsockjs[metrics]", str(error))
        self.assertEqual(len(str(error).splitlines()), 1)

    def test_endpoint(self) -> None:
        """A string that is no endpoint is shown."""
        error = self.assertRaises(UsageError, self.parse, "--metrics=nowhere:1")
        self.assertIn("--metrics nowhere:1: ", str(error))

    def test_help(self) -> None:
        """It is in the help, with what it needs."""
        usage = " ".join(self.parse().getUsage(200).split())
        self.assertIn("--metrics=", usage)
        self.assertIn("txsockjs[metrics]", usage)

"""A real daemon at work, scraped: promtool takes its metrics, the alert rules and their tests.

What the rules and the dashboard ask for is there, and traces of the same work arrive.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from tests.promql import named
from tests.system.installation import Installation, policy
from tests.system.processes import free_port
from tests.unit.test_metrics_docs import EVERYWHERE, OTHERS, TESTS, queries
from tools.make_metrics_docs import RULES

PROMTOOL: Final = shutil.which("promtool")
PROMTOOL_MUST: Final = PROMTOOL is not None or "CI" in os.environ
ON_PAGE: Final = """\
version: 1
name: oncall-bridge
on_page: {sources: [manual]}
room: {type: instant, display_name: "{{ page.title }}"}
"""


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """What takes OTLP over HTTP: its address, and the spans that came."""
    spans: list[Any] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", spans
    finally:
        server.shutdown()
        server.server_close()


def scrape(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Status, type and text of /metrics."""
    request = urllib.request.Request(  # noqa: S310 - an address of this test
        url + "/metrics", headers=dict(headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, "", error.read().decode()


def series(text: str) -> dict[str, list[dict[str, str]]]:
    """Every series of a scrape with its labels; of a family without one at least its name."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        ends = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
        for end in ends:
            found.setdefault(name + end, [])
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def value(text: str, name: str, **labels: str) -> float:
    """One sample."""
    (found,) = (
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
    return float(found)


def promtool(*words: str, given: str = "") -> None:
    """Give a command to promtool; what it says is told where it fails."""
    assert PROMTOOL is not None, "apt-get install prometheus"
    done = subprocess.run(
        [PROMTOOL, *words], input=given, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def as_rules() -> str:
    """Every query of the dashboard as a rule, so that promtool reads it."""
    exprs = [query.replace("$__rate_interval", "5m") for _, query in queries()]
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    return json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})  # JSON is YAML


@pytest.mark.timeout(240)
def test_a_daemon_at_work_is_scraped_and_traced(tmp_path: Path) -> None:
    """Counted and told, over a reload as well; every query that is shipped names what is there."""
    own, port = Installation.made(tmp_path / "own"), free_port()
    url = f"http://127.0.0.1:{port}"
    own.configure("  listen: 127.0.0.1:0", f"  listen: 127.0.0.1:{port}")
    own.put("teams.yaml", policy("teams", ["checkout", "search"]))
    own.put("oncall.yaml", ON_PAGE)
    with collector() as (otlp, spans):
        own.configure("mode: enforce", f"tracing: {{url: '{otlp}'}}\nmode: enforce")
        with own.daemon():
            own.until(lambda: len(own.links()) == 2, "both rooms are told")
            said = own.ask("page", "open", "--title", "Slow", "--wait", "--reason", "OPS-7")
            assert said.code == 0, said.err
            status, kind, text = scrape(url)
            assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
            if PROMTOOL_MUST:
                promtool("check", "metrics", given=text)
            rooms = {"policy": "teams", "state": "open"}
            assert value(text, "room_orchestrator_rooms", **rooms) == 2
            created = {"event": "room.created"}
            assert value(text, "room_orchestrator_facts_total", **created) == 3
            posted = {"method": "POST", "route": "/rooms", "outcome": "2xx"}
            assert value(text, "room_orchestrator_api_call_seconds_count", **posted) == 3
            assert value(text, "room_orchestrator_page_room_seconds_count") == 1
            assert value(text, "room_orchestrator_pages", state="open") == 1
            assert value(text, "room_orchestrator_ready") == 1
            assert value(text, "process_resident_memory_bytes") > 10**7
            _shipped_queries_find(text)
            _nothing_secret(own, text)

            # Another life of the daemon: what was counted before is counted still.
            own.configure("per: 24h", "per: 48h")
            assert own.ask("reload", "--reason", "test").code == 0
            openmetrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
            kind, text = scrape(url, openmetrics)[1:]
            assert kind.startswith("application/openmetrics-text; version=1.0.0")
            assert text.endswith("# EOF\n")
            assert 'room_orchestrator_facts_total{event="room.created"} 3.0' in text
            own.until(lambda: any(span.name == "page" for span in spans), "the page's span")
            own.until(lambda: any(span.name == "POST /rooms" for span in spans), "calls' spans")
    turns = {span.span_id: span for span in spans if span.name == "turn"}
    calls = [span for span in spans if span.name == "POST /rooms"]
    assert len(calls) == 3
    assert all(call.parent_span_id in turns for call in calls)
    assert {room["guest_token"] for room in own.table()}.isdisjoint(repr(spans).split('"'))


@pytest.mark.skipif(not PROMTOOL_MUST, reason="promtool is not here: apt-get install prometheus")
def test_promtool_takes_what_is_shipped(tmp_path: Path) -> None:
    """The rules, their tests, and every query of the dashboard."""
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(TESTS))
    (tmp_path / "dashboard.yml").write_text(as_rules())
    promtool("check", "rules", str(tmp_path / "dashboard.yml"))


def _shipped_queries_find(text: str) -> None:
    """Each metric of each query is there, and bears the labels that it is asked by."""
    there = series(text)
    for where, query in queries():
        for metric, narrowed in named(query).metrics:
            if metric in OTHERS and not metric.startswith("process_"):
                continue  # Prometheus' own
            assert metric in there, f"{where}: /metrics has no {metric}"
            for labels in there[metric]:
                assert narrowed <= {*labels, *EVERYWHERE}, f"{where}: {metric} has {labels}"


def _nothing_secret(own: Installation, text: str) -> None:
    """No link, no token, no id and no subject."""
    for room in own.table():
        for held in (room["guest_token"], room["id"], room["display_name"]):
            assert str(held) not in text
    for file in (own.folder / "secrets").iterdir():
        assert file.read_text().strip() not in text
    assert "checkout" not in text

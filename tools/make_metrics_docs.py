"""Writes docs/metrics.md from the catalogue of metrics and the alert rules, so that it fits both.

Usage: ``python -m tools.make_metrics_docs`` writes the page; with ``--check`` it only compares, and
ends with 1 where the page is not what it should be.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from orchestrator.adapters.meter.catalogue import CATALOGUE, Kind, Metric

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "metrics.md"
RULES = ROOT / "deploy" / "prometheus" / "room-orchestrator.rules.yml"

HEAD = """\
# Metrics, alerts and traces

<!-- Made by tools/make_metrics_docs.py from the code and the alert rules; change it there. -->

The daemon tells Prometheus how it is at `/metrics`, beside `/healthz` and `/readyz`. Three files
go with it: [alert rules](../deploy/prometheus/room-orchestrator.rules.yml), with
[tests of their own](../deploy/prometheus/room-orchestrator.rules.test.yml), and a
[dashboard for Grafana](../deploy/grafana/room-orchestrator.json).

## Set it up

Give the HTTP server a port of its own, so that Prometheus finds it again:

```yaml
http:
  listen: 127.0.0.1:8440
```

A Prometheus on the same machine needs nothing more:

```yaml
rule_files: [room-orchestrator.rules.yml]
scrape_configs:
  - job_name: room-orchestrator     # the alert rules count on this name
    static_configs: [{targets: ["127.0.0.1:8440"]}]
```

One elsewhere sends a token, and so does every Prometheus where `http.public_url` is set: what
comes by way of a proxy beside the daemon comes from this machine as well, so being here proves
nothing then. Make one with `(umask 077; openssl rand -hex 32 > secrets/metrics.token)`, and:

```yaml
http:                               # config.yaml; a restart takes it up
  metrics:
    token: {file: secrets/metrics.token}
```

```yaml
    authorization: {credentials_file: /etc/prometheus/rooms.token}   # under the scrape job
```

Without the token the answer is 401; without one set, from elsewhere, 403. `http: {metrics:
{enabled: false}}` counts nothing and answers 404. HTTPS is the proxy's work.

`curl -s http://127.0.0.1:8440/metrics` shows all of it. To Prometheus it speaks OpenMetrics, to
everybody else the older text format.

`/healthz` is 503 while a loop of the daemon hangs, and `/readyz` while there are no policies or the
store cannot record. Neither depends on the Meetings API: an outage of it is no reason to restart a
daemon, and `api_up` tells of it.

## What labels say

Labels are names of policies, destinations and sources from your own files, states, outcomes and
routes with `{id}` in place of every id. No metric names a link, a secret, a room, a subject or a
page, so their number does not grow with the rooms. It grows with the policies: some five series
each.

## What it costs

Nearly everything is read from memory. Four metrics need a look at every room: `rooms`,
`renewals_overdue`, `held_keys` and `first_end_timestamp_seconds`. They are counted when a
scrape asks, some rooms at a time so that no page waits for it, and kept for at least 5 seconds and
for 30 times as long as it took. A scrape waits for a count one second at most and then tells the
last one; `census_timestamp_seconds` says when that was.

With 100,000 rooms a count took 1.3 seconds of a processor, so at most a thirtieth of one core goes
into it, and the text of all metrics 3 ms ([how](decisions/0058-what-is-measured.md)).

## Metrics

Names and labels are an interface: within a major version none is renamed or taken away. Counters
begin at 0 with the process; `turns`, `turn_seconds` and `callbacks` also with a reload that takes
up another config.yaml.

| Metric | Kind | Labels | Meaning |
| --- | --- | --- | --- |
"""

MIDDLE = """
Beside these stand those of the Prometheus library for the process (`process_…`) and for Python
(`python_…`).

## Alerts

`critical` asks for a person at once, `warning` for one today, `info` for one who passes by. Their
limits fit the defaults of config.yaml.

"""

REST = """\
## The dashboard

Import `deploy/grafana/room-orchestrator.json` in Grafana 9 or later, and choose the Prometheus at
the top of the page. Its rows: at a glance, rooms, API, pages, deliveries, process.

## Traces

Traces follow one act through the daemon: a turn of a key with the calls that it made, a page until
its room was known, a message to a destination. They go to any collector that takes OTLP over HTTP.
They need an extra, `pip install 'room-orchestrator[otel]'`, and this:

```yaml
tracing:
  url: http://127.0.0.1:4318/v1/traces
  # token: {file: secrets/otel.token}    # sent as Authorization: Bearer
  # share: 0.1                           # of all traces, 0 to 1
```

- `turn`: a key is taken up until nothing is left to do for it now. `room_orchestrator.key`,
  `.cause`, `.lane`, and `.acted`, the calls that changed something.
- `GET /rooms/{id}` and so on: a request to the Meetings API leaves until its answer is there.
  `http.request.method`, `http.route`, `http.response.status_code`, `room_orchestrator.attempt`.
- `page`: a page was opened until its first room was known. `room_orchestrator.source`, `.policy`,
  `.episode`.
- `delivery`: a destination is told. `room_orchestrator.destination`, `.key`, `.attempt`.

A key holds the subject's name, as the audit log does. Links, tokens and texts of other systems are
in no attribute, and an exception is told by its kind alone. Nothing is added to the requests to the
Meetings API: it is another house, and a trace would end at its door. A collector that is away costs
spans and nothing else; the log says so once, and when it is over. A certificate authority of your
own is named by `OTEL_EXPORTER_OTLP_CERTIFICATE`, as OpenTelemetry has it.
"""


def page() -> str:
    """The whole page as Markdown."""
    metrics = "".join(_row(metric) for metric in CATALOGUE)
    alerts = "".join(_alert(rule) for rule in rules())
    return HEAD + metrics + MIDDLE + alerts + REST


def rules() -> list[dict[str, Any]]:
    """The alert rules, in their order."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        bounds = f"up to {metric.buckets[0]:g} … {metric.buckets[-1]:g} s"
        return f"| `{metric.whole_name}` | histogram, {bounds} | {labels} | {metric.help} |\n"
    return f"| `{metric.whole_name}` | {metric.kind} | {labels} | {metric.help} |\n"


def _alert(rule: dict[str, Any]) -> str:
    told = rule["annotations"]
    return (
        f"### {rule['alert']}\n\n"
        f"{rule['labels']['severity']}, after {rule['for']} of\n\n"
        f"```promql\n{rule['expr']}\n```\n\n"
        f"{told['description']}\n\n"
    )


def main(arguments: list[str]) -> int:
    """Write or compare; the exit code."""
    if arguments == ["--check"]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        print("docs/metrics.md is not what the code says: python -m tools.make_metrics_docs")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

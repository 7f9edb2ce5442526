"""Insight by a config: what counts and traces, who is told, and what is not even imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from orchestrator.adapters.meter.counting import PrometheusMeter
from orchestrator.adapters.tracing import OtelTracer
from orchestrator.app.insight import Insight, read_access
from orchestrator.app.refusing import StartError
from orchestrator.config import SecretFault, Settings, read_config
from orchestrator.domain.reports import Measures
from orchestrator.engine.measuring import Measuring
from orchestrator.foundation.secret import Secret
from orchestrator.ports.meter import UNMETERED
from orchestrator.ports.tracing import UNTRACED
from tests.fakes.clock import VirtualClock, settle

SMALL = "owner: acme\nmode: observe\nmeetings: {embedded: true}\n"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TOKEN = "7f" * 16


def settings(folder: Path, more: str = "") -> Settings:
    (folder / "config.yaml").write_text(SMALL + more)
    found = read_config(folder / "config.yaml")
    assert found.settings is not None, found.problems
    return found.settings


class Moment:
    """Measures the same each time."""

    async def measures(self) -> Measures:
        return Measures("observe", NOW, True, NOW, None, False, None, 0.0)


async def test_metrics_are_counted_unless_they_are_off(tmp_path: Path) -> None:
    """By default, and told with how things stand while there is an engine."""
    async with Insight.of(settings(tmp_path)) as insight:
        assert isinstance(insight.meter, PrometheusMeter)
        assert insight.tracer is UNTRACED
        insight.meter.listed("complete", 1)
        with insight.measuring(cast("Measuring", Moment())):
            kind, text = await insight.text("application/openmetrics-text; version=1.0.0")
        assert kind.startswith("application/openmetrics-text")
        assert b'room_orchestrator_mode{mode="observe"} 1.0' in text
        assert b"room_orchestrator_api_up " not in text  # nobody asked it yet
        between = (await insight.text(""))[1]
        assert b"room_orchestrator_ready 0.0" in between
        assert b'room_orchestrator_listing_seconds_count{outcome="complete"} 1.0' in between
        assert b"room_orchestrator_mode" not in between
    async with Insight.of(settings(tmp_path, "http: {metrics: {enabled: false}}\n")) as insight:
        assert insight.meter is UNMETERED
        assert (await insight.text(""))[1] == b""
        await insight.watch_the_loop(VirtualClock())  # which is over at once


async def test_how_late_the_loop_is_is_looked_at_twice_a_second(tmp_path: Path) -> None:
    """By the monotonic clock."""
    clock = VirtualClock()
    async with Insight.of(settings(tmp_path)) as insight:
        watching = asyncio.get_running_loop().create_task(insight.watch_the_loop(clock))
        await settle()
        clock.advance(0.5)
        await settle()
        clock.advance(2.5)
        await settle()
        watching.cancel()
        text = (await insight.text(""))[1].decode()
    assert "room_orchestrator_event_loop_lag_seconds_count 2.0" in text
    assert "room_orchestrator_event_loop_lag_seconds_sum 2.0" in text


def test_who_is_told(tmp_path: Path) -> None:
    """Whoever knows the token, which is read anew each time; and it must be a long one."""
    assert read_access(settings(tmp_path)).token is None
    assert not read_access(settings(tmp_path)).public
    assert read_access(
        settings(tmp_path, "http: {public_url: 'https://rooms.example.com'}\n")
    ).public
    file = tmp_path / "metrics.token"
    held = settings(tmp_path, "http: {metrics: {token: {file: metrics.token}}}\n")
    with pytest.raises(SecretFault):
        read_access(held)
    file.write_text(TOKEN)
    file.chmod(0o600)
    assert read_access(held).token == Secret(TOKEN)
    file.write_text("short")
    with pytest.raises(StartError, match="less than 16 characters") as refused:
        read_access(held)
    assert "short;" not in str(refused.value)
    off = "http: {metrics: {enabled: false, token: {file: gone}}}\n"
    assert not read_access(settings(tmp_path, off)).enabled


async def test_traces_are_sent_where_that_is_asked_for(tmp_path: Path) -> None:
    """With a token, where there is one."""
    (tmp_path / "otel.token").write_text(TOKEN)
    (tmp_path / "otel.token").chmod(0o600)
    traced = "tracing: {url: 'http://127.0.0.1:9/v1/traces', token: {file: otel.token}, share: 0}\n"
    async with Insight.of(settings(tmp_path, traced)) as insight:
        assert isinstance(insight.tracer, OtelTracer)


async def test_without_the_extra_a_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "orchestrator.adapters.tracing", None)
    traced = settings(tmp_path, "tracing: {url: 'http://127.0.0.1:9/v1/traces'}\n")
    with pytest.raises(StartError, match=r"pip install 'room-orchestrator\[otel\]'"):
        async with Insight.of(traced):
            raise AssertionError


def test_where_nothing_is_traced_nothing_is_imported() -> None:
    """OpenTelemetry is an extra, and takes a quarter of a second."""
    code = (
        "import sys, orchestrator.app.daemon;"
        "sys.exit(any(one.partition('.')[0] == 'opentelemetry' for one in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

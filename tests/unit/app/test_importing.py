"""What an import is told before anything is listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.adapters.clock import SystemClock
from orchestrator.app.importing import list_estate
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.edges.control import ControlServer
from orchestrator.ports.desk import DeskError
from tests.unit.app.test_web import EMBEDDED, settings


async def test_beside_a_daemon_whose_server_speaks_tls_it_says_what_to_do(tmp_path: Path) -> None:
    """Its port answers nothing without TLS, which would be told as an API that is away."""
    made = settings(tmp_path, EMBEDDED)
    assert isinstance(made.meetings, EmbeddedMeetings)
    meetings = replace(made.meetings, port=8441, certificate=tmp_path / "full.pem")
    made.control.parent.mkdir(parents=True, exist_ok=True)
    async with ControlServer(None, made.control).serving():
        with pytest.raises(DeskError, match="speaks TLS: stop the daemon"):
            await list_estate(replace(made, meetings=meetings), SystemClock(), lambda *_: None)

"""The doctor."""

from __future__ import annotations

import typer

from orchestrator.cli.context import DONE, FAILED, ConfigOption, JsonOption, invocation
from orchestrator.cli.view.doctor import show_findings

_DOCTOR = """\b
Examples:
  room-orchestrator doctor
  room-orchestrator doctor --json | jq '.findings[] | select(.health == "wrong")'

\b
It changes nothing and tells nobody anything: one GET to the API, and to the daemon's own door one
message a source that opens nothing.

Exit codes: 0 nothing is wrong, 1 something is, 2 the config cannot be used.
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("doctor", epilog=_DOCTOR)(_doctor)


def _doctor(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look whether keys, clock, API, sources, destinations, files and unit are in order."""
    import asyncio

    from orchestrator.app.doctor import examine

    call = invocation(ctx, config, as_json)
    settings = call.loaded().settings
    call.log_quietly()
    report = asyncio.run(examine(settings, call.world.clock))
    call.show(report, show_findings)
    raise typer.Exit(FAILED if report.wrong else DONE)

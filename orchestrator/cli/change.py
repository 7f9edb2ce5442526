"""Commands about change: what is wrong, what would be done, and doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import (
    BRAKED,
    DONE,
    FAILED,
    INVALID,
    PENDING,
    ConfigOption,
    JsonOption,
    invocation,
)
from orchestrator.cli.view.links import show_links
from orchestrator.cli.view.markdown import markdown
from orchestrator.cli.view.plan import show_applied, show_plan
from orchestrator.cli.view.problems import show_problems
from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import ApplyReport, PlanReport
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from orchestrator.app.validate import Validation

_VALIDATE = """\b
Examples:
  room-orchestrator validate                      this installation
  room-orchestrator validate candidate/           a folder of policies
  room-orchestrator validate policies/teams.yaml  one file, with its data
"""
_PLAN = """\b
Examples:
  room-orchestrator plan
  room-orchestrator plan --policies candidate/    a folder that is not in force yet
  room-orchestrator plan --policies candidate/ --links     what becomes of links, no more
  room-orchestrator plan --policies candidate/ --markdown  for the comment of a merge request
  room-orchestrator plan --json --out plan.json

Exit codes: 0 nothing to do, 3 changes pending, 2 a policy has problems, 1 it cannot be known.
"""
_APPLY = """\b
Examples:
  room-orchestrator plan && room-orchestrator apply

Exit codes: 0 done, 1 a call failed, 3 something is left, 4 a brake holds something.
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("validate", epilog=_VALIDATE)(_validate)
    app.command("plan", epilog=_PLAN)(_plan)
    app.command("apply", epilog=_APPLY)(_apply)


def _validate(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]…", help="Config files, folders or files of policies."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell every problem of config, policies and data, offline."""
    from orchestrator.app.validate import validate

    call = invocation(ctx, config, as_json)
    found = validate(paths or [], call.config, call.world.environ, call.world.cwd)
    call.show(found, _show_validation)
    raise typer.Exit(INVALID if found.problems else DONE)


def _show_validation(screen: Screen, found: Validation) -> None:
    show_problems(screen, found.problems)
    for warning in found.warnings:
        screen.aside(f"warning: {warning}")
    for unasked in found.unasked:
        screen.aside(f"not asked, because validate is offline: {unasked}")
    if found.problems:
        files = {problem.place.file for problem in found.problems}
        count = plural(len(found.problems), "problem")
        screen.note(f"{count} in {plural(len(files), 'file')}. What was in force stays in force.")
        return
    looked = ", ".join(found.looked_at)
    rooms = plural(found.rooms, "room")
    policies = plural(found.policies, "policy", "policies")
    themes = f", {plural(found.themes, 'theme')}" if found.themes else ""
    screen.line(("No problem: ", "green"), f"{looked}; {policies}{themes}, {rooms} wanted.")


def _plan(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    policies: Annotated[
        Path | None,
        typer.Option("--policies", metavar="DIR", help="Plan this folder instead."),
    ] = None,
    links: Annotated[bool, typer.Option("--links", help="Links alone: ends, changes, moves.")] = (
        False
    ),
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="For the comment of a merge request.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write all of it as JSON.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what would change and why; nothing is done."""
    call = invocation(ctx, config, as_json)
    if links + as_markdown + call.as_json > 1:
        raise DeskError("--links, --markdown and --json exclude each other", INVALID)
    candidate = None
    if policies is not None:
        from orchestrator.app.validate import read_folder

        if (call.world.cwd / policies).is_file():
            message = f"{policies} is a file; name the folder of policies that it lies in"
            raise DeskError(message, INVALID)
        candidate = read_folder(call.world.cwd / policies)
        if candidate.problem is not None:
            raise DeskError(str(candidate.problem), INVALID)
    report = call.ask(lambda desk: desk.plan(candidate), waiting="Listing the rooms and planning")
    if out is not None:
        from orchestrator.foundation import shapes

        (call.world.cwd / out).write_bytes(shapes.dumps(PlanReport, report) + b"\n")
    if as_markdown:
        folder = "" if policies is None else str(policies)
        call.screen.raw(markdown(report, call.screen.now, folder))
    else:
        call.show(report, show_links if links else show_plan)
    raise typer.Exit(_plan_code(report))


def _plan_code(report: PlanReport) -> int:
    if report.problems:
        return INVALID
    # What a mode or a brake holds is still to come; what waits for an answer or a time is not due.
    due = any(line.held_by in {"mode", "brake", "stranger"} for line in report.held)
    if report.pending or due:
        return PENDING
    # Rooms that could not be listed, or subjects that could not be asked for, are no good news.
    return DONE if report.complete and not report.unknown else FAILED


def _apply(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Do once what the plan says, now."""
    call = invocation(ctx, config, as_json)
    report = call.command(
        lambda desk, person: desk.apply(person), "apply", waiting="Doing what the plan says"
    )
    call.show(report, show_applied)
    raise typer.Exit(_apply_code(report))


def _apply_code(report: ApplyReport) -> int:
    if report.failed:
        return FAILED
    if report.left.problems:
        return INVALID
    if any(line.held_by == "brake" for line in report.left.held):
        return BRAKED
    return PENDING if report.left.pending else DONE

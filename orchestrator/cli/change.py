"""Commands about change: what is wrong, what would be done, and doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

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
from orchestrator.cli.view.reviewed import show_reviewed
from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import ApplyReport, Outcome, PlanReport
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
  room-orchestrator plan --policies candidate/ --out plan.json     to be reviewed, and later
  room-orchestrator apply --plan plan.json --reason "OPS-4711"     done exactly so, or not at all

A reviewed plan goes on in a freeze and outside of the change window. --approve lets its links end
and change whatever a brake says. It is good for a day.

Exit codes: 0 done, 1 a call failed, 2 no plan of this installation, 3 something is left, 4 a brake
holds something.
"""


_DUE: Final = frozenset({"mode", "brake", "stranger", "frozen", "window"})


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
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Also write all of it as JSON.",
        ),
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
        _write_plan(call.world.cwd / out, report)
    if as_markdown:
        folder = "" if policies is None else str(policies)
        call.screen.raw(markdown(report, call.screen.now, folder))
    else:
        call.show(report, show_links if links else show_plan)
    raise typer.Exit(_plan_code(report))


def _write_plan(path: Path, report: PlanReport) -> None:
    """Write all of a plan as JSON; in a folder under its own name."""
    from orchestrator.foundation import shapes

    if path.is_dir() and report.review is not None:
        path /= f"{report.review.name}.json"
    path.write_bytes(shapes.dumps(PlanReport, report) + b"\n")


def _plan_code(report: PlanReport) -> int:
    if report.problems:
        return INVALID
    # What a mode, a brake or a freeze holds is still to come; what waits for an answer is not due.
    due = any(line.held_by in _DUE for line in report.held)
    if report.pending or due:
        return PENDING
    # Rooms that could not be listed, or subjects that could not be asked for, are no good news.
    return DONE if report.complete and not report.unknown else FAILED


def _apply(
    ctx: typer.Context,
    *,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Do exactly what this plan says, no more."),
    ] = None,
    approve: Annotated[
        bool,
        typer.Option("--approve", help="With --plan: its links may end, whatever a brake says."),
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", metavar="TEXT", help="Why, with --plan.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do once what the plan says, now; or exactly what a reviewed plan says."""
    call = invocation(ctx, config, as_json)
    reviewed = None if plan is None else _read_plan(call.world.cwd / plan)
    if reviewed is None and (approve or reason):
        option = "--approve" if approve else "--reason"
        raise DeskError(f"{option} goes with --plan", INVALID)
    if reviewed is not None and not reason.strip():
        message = "--plan wants --reason: it is what the audit log will tell of you"
        raise DeskError(message, INVALID)
    report = call.command(
        lambda desk, person: desk.apply(person, reviewed, approve=approve),
        reason or "apply",
        waiting="Doing what the plan says",
    )
    call.show(report, show_reviewed if report.plan else show_applied)
    raise typer.Exit(_reviewed_code(report) if report.plan else _apply_code(report))


def _read_plan(path: Path) -> PlanReport:
    """A plan that `plan --out` wrote."""
    from orchestrator.foundation import shapes

    try:
        return shapes.loads(PlanReport, path.read_bytes())
    except shapes.ShapeError as error:
        message = f"{path.name} is no plan of this release ({error}); plan --out FILE writes one"
        raise DeskError(message, INVALID) from None


def _reviewed_code(report: ApplyReport) -> int:
    outcomes = {row.outcome for row in report.acts}
    if Outcome.FAILED in outcomes:
        return FAILED
    if any(row.held_by == "brake" for row in report.acts):
        return BRAKED
    return DONE if outcomes <= {Outcome.DONE, Outcome.NEEDLESS} else PENDING


def _apply_code(report: ApplyReport) -> int:
    if report.failed:
        return FAILED
    if report.left.problems:
        return INVALID
    if any(line.held_by == "brake" for line in report.left.held):
        return BRAKED
    return PENDING if report.left.pending else DONE

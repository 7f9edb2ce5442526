"""Commands about single rooms: looking at them and steering them."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import offers
from orchestrator.cli.context import (
    INVALID,
    ConfigOption,
    ForOption,
    Invocation,
    JsonOption,
    ReasonOption,
    UntilOption,
    end_of,
    invocation,
)
from orchestrator.cli.view.done import show_done
from orchestrator.cli.view.rooms import show_room, show_rooms
from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.why import show_why, show_why_not
from orchestrator.domain.reports import Done, RevealedLink, WhyReport
from orchestrator.ports.desk import Desk, DeskError

_GROUP = """\b
Examples:
  room-orchestrator rooms list --foreign
  room-orchestrator rooms why team-rooms/checkout
  room-orchestrator rooms adopt 481920374 team-rooms/checkout --reason "it is the team's room"
"""
_LIST = """\b
Examples:
  room-orchestrator rooms list
  room-orchestrator rooms list --foreign          also those that are not ours
  room-orchestrator rooms list --json | jq '.rooms[] | select(.state == "ending")'
"""
_SHOW = """\b
Examples:
  room-orchestrator rooms show team-rooms/checkout
  room-orchestrator rooms show 481920374 --host-link --reason "the host is ill"
"""
_WHY = """\b
Examples:
  room-orchestrator rooms why team-rooms/checkout
  room-orchestrator rooms why "Checkout room"
  room-orchestrator rooms why 481-920-374

It takes a key, a room's id, code, link or name, and what a page is known by.
"""
_WHY_NOT = """\b
Examples:
  room-orchestrator rooms why-not team-rooms/payments
  room-orchestrator rooms why-not team-rooms      everything of one policy
  room-orchestrator rooms why-not 4711            a page, by its number

What stands first has to be cleared first. At most one line is advised; it can be pasted.
"""
_ADOPT = """\b
Example:
  room-orchestrator rooms adopt 481920374 team-rooms/checkout --reason "it is the team's room"
"""
_DISTINCT = """\b
Example:
  room-orchestrator rooms distinct 481920374 team-rooms/checkout --reason "another checkout"
"""
_FORGET = """\b
Example:
  room-orchestrator rooms forget team-rooms/fax --reason "the museum keeps it"
"""
_REKEY = """\b
Example:
  room-orchestrator rooms rekey team-rooms/qa team-rooms/quality --reason "renamed, OPS-4711"
"""
_RENEW = """\b
Example:
  room-orchestrator rooms renew team-rooms/board --reason "the year's invitations go out"

A dormant room is kept again, and one that has ended is made anew.
Asked for by a person or a policy's new lifetime, a room is renewed six times a day at most.
"""
_PROTECT = """\b
Examples:
  room-orchestrator rooms protect team-rooms/board --reason "printed on the invitations"
  room-orchestrator rooms protect team-rooms/board --off --reason "they are reprinted"

A protected room is neither removed nor replaced, also when its line is gone from the policy.
It is renewed and changed as before.
"""
_SUSPEND = """\b
Examples:
  room-orchestrator rooms suspend team-rooms/board --for 2d --reason "the audit looks at it"
  room-orchestrator rooms suspend team-rooms/board --until 2026-12-01T09:00Z --reason "as told"

Nothing is done for the key until then: not even renewing. It ends by itself.
"""
_RESUME = """\b
Example:
  room-orchestrator rooms resume team-rooms/board --reason "the audit is over"
"""
_APPROVE = """\b
Example:
  room-orchestrator status                        names the brake or doubt, and its rooms
  room-orchestrator rooms approve BRAKE --reason "reorganisation, OPS-4711"
"""

rooms = typer.Typer(help="Look at single rooms, steer them.", epilog=_GROUP, no_args_is_help=True)

_Name = Annotated[
    str, typer.Argument(metavar="KEY", help="A key, or a room's id.", autocompletion=offers.keys)
]
_Meant = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A key, or whatever else a room or a page is known by.",
        autocompletion=offers.keys,
    ),
]
_Key = Annotated[
    str,
    typer.Argument(metavar="KEY", help="As in team-rooms/checkout.", autocompletion=offers.keys),
]
_RoomId = Annotated[str, typer.Argument(metavar="ROOM", help="The room's id at the API.")]


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(rooms, name="rooms")


@rooms.command("list", epilog=_LIST)
def _list(
    ctx: typer.Context,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Also the rooms that are not ours.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List all rooms of ours and all wanted ones."""
    call = invocation(ctx, config, as_json)
    call.show(call.ask(lambda desk: desk.rooms(foreign=foreign)), show_rooms)


@rooms.command("show", epilog=_SHOW)
def _show(
    ctx: typer.Context,
    name: _Name,
    host_link: Annotated[
        bool, typer.Option("--host-link", help="Read the host link afresh; it is audited.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", metavar="TEXT", help="Why, with --host-link.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one room with all that is known of it."""
    call = invocation(ctx, config, as_json)
    if host_link:
        link = call.command(lambda desk, person: desk.host_link(name, person), reason)
        call.show(link, _show_link)
        return
    call.show(call.ask(lambda desk: desk.why(name)), show_room)


@rooms.command("why", epilog=_WHY)
def _why(
    ctx: typer.Context, name: _Meant, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Tell the whole chain of why a room is as it is."""
    call = invocation(ctx, config, as_json)

    async def asked(desk: Desk) -> WhyReport | DeskError:
        try:
            return await desk.why(name)
        except DeskError as error:
            if error.code != INVALID or (await desk.why_not(name)).kind != "unknown":
                raise
            return error

    answer = call.ask(asked)
    if isinstance(answer, DeskError):
        report = _recalled(call, name)
        if report is None:
            raise answer
        answer = report
    call.show(answer, show_why)


@rooms.command("why-not", epilog=_WHY_NOT)
def _why_not(
    ctx: typer.Context, name: _Meant, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Tell what stands in the way of what did not happen, and until when."""
    call = invocation(ctx, config, as_json)
    report = call.ask(lambda desk: desk.why_not(name))
    found = _recalled(call, name) if report.kind == "unknown" else None
    if found is not None:
        from orchestrator.app.recalling import not_recalled

        report = not_recalled(found, name)
    call.show(report, show_why_not)


def _recalled(call: Invocation, name: str) -> WhyReport | None:
    """What the audit log tells of what the store knows nothing of, if this user may read it."""
    from orchestrator.app.recalling import recalled

    try:
        return recalled(call.loaded().settings, name)
    except OSError:
        return None


@rooms.command("adopt", epilog=_ADOPT)
def _adopt(
    ctx: typer.Context,
    room: _RoomId,
    key: _Key,
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a room that exists as a key's room; no call changes it."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.adopt(room, key, person), reason))


@rooms.command("distinct", epilog=_DISTINCT)
def _distinct(
    ctx: typer.Context,
    room: _RoomId,
    key: _Key,
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a like-named room is not the key's, which then gets its own."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.distinct(room, key, person), reason))


@rooms.command("forget", epilog=_FORGET)
def _forget(
    ctx: typer.Context,
    name: _Name,
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let go of a room: it stays as it is and is not ours any more."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.forget(name, person), reason))


@rooms.command("rekey", epilog=_REKEY)
def _rekey(
    ctx: typer.Context,
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="The key that has the room.", autocompletion=offers.keys
        ),
    ],
    new: Annotated[
        str,
        typer.Argument(metavar="NEW", help="The key that gets it.", autocompletion=offers.keys),
    ],
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a room serve another key: same room, same link."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.rekey(old, new, person), reason))


@rooms.command("renew", epilog=_RENEW)
def _renew(
    ctx: typer.Context,
    name: _Name,
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a room's end on now, before its time."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.renew(name, person), reason))


@rooms.command("protect", epilog=_PROTECT)
def _protect(
    ctx: typer.Context,
    name: _Name,
    reason: ReasonOption,
    off: Annotated[bool, typer.Option("--off", help="Lift the protection.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forbid to remove and to replace a room, or allow it again."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.protect(name, person, on=not off), reason))


@rooms.command("suspend", epilog=_SUSPEND)
def _suspend(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    name: _Name,
    *,
    reason: ReasonOption,
    until: UntilOption = "",
    for_: ForOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop every act on a key, renewing too, until a moment."""
    call = invocation(ctx, config, as_json)
    end = end_of(until, for_, call.world.clock.now(), "a suspension")
    _done(call, call.command(lambda desk, person: desk.suspend(name, end, person), reason))


@rooms.command("resume", epilog=_RESUME)
def _resume(
    ctx: typer.Context,
    name: _Name,
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a suspension before its time."""
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.resume(name, person), reason))


@rooms.command("approve", epilog=_APPROVE)
def _approve(
    ctx: typer.Context,
    brake: Annotated[str, typer.Argument(metavar="BRAKE", help="Its name, as status tells.")],
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let go exactly the rooms that a brake holds, or that a doubted listing lacks.

    It holds for a day, and for removals that wait out a grace until a day after it. What is decided
    later, of the same rooms too, is something else and asks again.
    """
    call = invocation(ctx, config, as_json)
    _done(call, call.command(lambda desk, person: desk.approve(brake, person), reason))


def _done(call: Invocation, done: Done) -> None:
    call.show(done, show_done)


def _show_link(screen: Screen, link: RevealedLink) -> None:
    screen.line(link.host_url)

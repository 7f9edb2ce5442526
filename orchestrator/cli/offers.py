"""What a shell offers for the arguments of commands; never an error, which would spoil a prompt."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def keys(ctx: typer.Context, incomplete: str) -> list[str]:
    """Keys of the installation that the line so far speaks of."""
    from orchestrator.app.offers import keys_to_offer

    return keys_to_offer(_config(ctx), os.environ, Path.cwd(), incomplete)


def policies(ctx: typer.Context, incomplete: str) -> list[str]:
    """Policies that have a key in the installation that the line so far speaks of."""
    return sorted({key.partition("/")[0] for key in keys(ctx, incomplete)})


def pages(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Pages that are not over, by what people call them, with their titles."""
    from orchestrator.app.offers import pages_to_offer

    return pages_to_offer(_config(ctx), os.environ, Path.cwd(), incomplete)


def events(incomplete: str) -> list[tuple[str, str]]:
    """Names of facts, with commas between."""
    from orchestrator.app.offers import events_to_offer

    return events_to_offer(incomplete)


def _config(ctx: typer.Context) -> Path | None:
    """What --config says anywhere on the line."""
    told = ctx.params.get("config") or ctx.find_root().params.get("config")
    return None if told is None else Path(told)

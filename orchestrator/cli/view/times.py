"""Moments and lengths of time for people: in the reader's zone, with the day's name when near."""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain.spoken import length, moment, plural


def exact(at: datetime) -> str:
    """A moment of the audit: UTC, to the second, ``2026-11-22 12:00:03Z``."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


__all__ = ["exact", "length", "moment", "plural"]

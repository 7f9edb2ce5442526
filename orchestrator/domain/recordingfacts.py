"""What is told of recordings: each thing that happened, as a fact with all that concerns it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.domain.facts import ApiCall, Fact, Json
from orchestrator.domain.keeping import KeptCopy, KeptRecording, Terms
from orchestrator.domain.policies import KeepRecordings
from orchestrator.foundation.instants import format_duration, format_instant


def told(one: KeptRecording, event: str, cause: str, reason: str, **detail: Json) -> Fact:
    """A fact about one recording, with these fields besides."""
    about: dict[str, Json] = {
        "recording": one.id,
        "session": one.session_id,
        "display_name": one.display_name,
    }
    return Fact(
        event,
        actor="" if one.terms is None else one.terms.actor,
        key=one.key.encoded,
        room_id=one.room_id,
        cause=cause,
        reason=reason,
        detail={**about, **detail},
    )


def terms_changed(before: Terms | None, after: Terms, recordings: int, cause: str) -> Fact:
    """What a policy says of recordings is another thing, or it says so for the first time."""
    return _terms(after, None if before is None else before.wish, after.wish, recordings, cause)


def terms_withdrawn(before: Terms, recordings: int, cause: str) -> Fact:
    """A policy says nothing of recordings any more: they are left alone."""
    return _terms(before, before.wish, None, recordings, cause)


def _terms(
    terms: Terms,
    before: KeepRecordings | None,
    after: KeepRecordings | None,
    recordings: int,
    cause: str,
) -> Fact:
    return Fact(
        "recording.terms",
        actor=terms.actor,
        cause=cause,
        reason=terms.because if after is not None else "the policy says nothing of them any more",
        before=None if before is None else _wish(before),
        after=None if after is None else _wish(after),
        detail={"policy": terms.policy, "recordings": recordings},
    )


def _wish(wish: KeepRecordings) -> dict[str, Json]:
    return {
        "archive": wish.archive or None,
        "keep": None if wish.keep is None else format_duration(wish.keep),
        "grace": format_duration(wish.grace),
    }


def archived(one: KeptRecording, kept: KeptCopy, mark: str, cause: str, reason: str) -> Fact:
    """A copy was made and read back, in the place that bears this mark."""
    return told(
        one,
        "recording.archived",
        cause,
        reason,
        archive=kept.archive,
        name=kept.copy.name,
        length=kept.copy.length,
        mark=mark,
        checksum=kept.copy.sha256,
    )


def deleted(one: KeptRecording, cause: str, reason: str, api: ApiCall | None) -> Fact:
    """The API does not know it any more, by our act; its copy is what is left."""
    kept = one.copy
    fact = told(
        one,
        "recording.deleted",
        cause,
        reason,
        archive=None if kept is None else kept.archive,
        checksum=None if kept is None else kept.copy.sha256,
    )
    before: dict[str, Json] = {"status": str(one.status)}
    return replace(fact, api=api, before=before, after={"status": "deleted"})


def failed(
    one: KeptRecording, event: str, cause: str, reason: str, next_at: datetime | None
) -> Fact:
    """Something could not be done, and when it is tried again."""
    moment = None if next_at is None else format_instant(next_at)
    return told(one, event, cause, reason, next_at=moment)

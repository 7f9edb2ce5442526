"""Recalling: what the audit log tells of something that the store remembers nothing of any more.

The files are read beside the daemon, rotated and compressed ones too.  It refuses to answer for
what stands in no fact: then nothing is told, and whoever asked is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.adapters.audit.reading import LogMovedError
from orchestrator.adapters.audit.retold import retold
from orchestrator.config import Settings
from orchestrator.domain.chains import Chain, author, became, end_of, history, tells_of, trail
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.keys import InvalidKeyError, decode_key, parse_key
from orchestrator.domain.naming import code_of, folded_name
from orchestrator.domain.reports import Asked, Obstacle, Seen, WhyNotReport, WhyReport
from orchestrator.ports.desk import DeskError

_PATIENCE: Final = 5  # rotations of the log while it is read
_ALONE: Final = "the store remembers nothing of it: it is told by the audit log alone"


def recalled(settings: Settings, name: str) -> WhyReport | None:
    """What the log tells of a key, or of a room by its id, name, code or link; None: nothing.

    Raises:
        DeskError: the log is rotated again and again while it is read.
        OSError: it cannot be read.
    """
    for _ in range(_PATIENCE):
        try:
            return _read(settings, name)
        except LogMovedError:
            continue
    message = "the log is rotated again and again while it is read; try once more"
    raise DeskError(message)


def not_recalled(report: WhyReport, name: str) -> WhyNotReport:
    """The same, to whoever asks why something is not there."""
    last = report.history[-1] if report.history else None
    ended = report.ended
    obstacles: tuple[Obstacle, ...] = ()
    if ended is not None:
        obstacles = (Obstacle("not-wanted", became(ended), since=ended.ts, seq=ended.seq),)
    return WhyNotReport(
        name=name,
        key=report.key,
        kind="room",
        verdict="No room, and none to come. In the way:" if obstacles else "No room.",
        obstacles=obstacles,
        asked=report.asked,
        last=last,
        seen=report.seen,
        unknown=report.unknown,
    )


def _read(settings: Settings, name: str) -> WhyReport | None:
    try:
        names = {name, parse_key(name).encoded}
    except InvalidKeyError:
        names = {name}
    found = None
    for recorded in _facts(settings):
        if recorded.fact.key and (tells_of(recorded, names) or _is_called(recorded, name)):
            found = recorded
    if found is None:
        return None
    encoded = found.fact.key
    chain = Chain(frozenset({encoded}), encoded.partition("/")[0])
    for recorded in _facts(settings):
        chain.take(recorded)
    told = history(chain)
    return WhyReport(
        key=str(decode_key(encoded) or encoded),
        rooms=(),
        wanted="by no policy in force",
        policy="",
        policy_version="",
        fields=(),
        plan=(),
        holds=(),
        next_act=None,
        history=told,
        asked=_asked(chain),
        seen=Seen(),
        trail=trail(chain),
        ended=end_of(told, "" if encoded in names else found.fact.room_id),
        unknown=(_ALONE,),
    )


def _asked(chain: Chain) -> Asked | None:
    """The file that asked for it last."""
    loaded = [one for one in chain.of_policy if one.fact.event == "policy.loaded"]
    if not loaded:
        return None
    last, detail = loaded[-1], loaded[-1].fact.detail
    return Asked(
        policy=chain.policy,
        place=str(detail.get("file", chain.policy)),
        version=str(detail.get("version", "")),
        since=last.ts,
        by=author(last),
        seq=last.seq,
        wanted=False,
    )


def _is_called(recorded: RecordedFact, name: str) -> bool:
    detail = recorded.fact.detail
    called, code = detail.get("display_name"), detail.get("meeting_code")
    if isinstance(called, str) and folded_name(called) == folded_name(name):
        return True
    return isinstance(code, str) and bool(code_of(code)) and code_of(code) == code_of(name)


def _facts(settings: Settings) -> Iterator[RecordedFact]:
    for told in retold(settings.audit.file, settings.owner):
        yield RecordedFact(told.seq, told.ts, told.fact)

"""Themes as facts tell of them, for a store that is made anew.

What was uploaded is told by the digest of each file, so that a rebuilt store knows which picture is
the file's of today.  What no fact tells (waits, looks in vain, a grace) is learnt again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.themes import LogoType, ThemeMemory, ThemeRecord
from orchestrator.domain.theming import lost
from orchestrator.foundation.instants import parse_instant


@dataclass(slots=True)
class RetoldThemes:
    """Every theme that facts tell of, by its name, and when one was removed."""

    records: dict[str, ThemeRecord] = field(default_factory=dict)
    removed: list[datetime] = field(default_factory=list)

    @property
    def acts(self) -> Mapping[str, Callable[[Fact, datetime], None]]:
        """What takes each event. Each raises `KeyError` or `ValueError` for what it cannot read."""
        return {
            "theme.created": self._asked,
            "theme.adopted": self._adopted,
            "theme.updated": self._asked,
            "theme.logos_uploaded": self._uploaded,
            "theme.defaulted": self._defaulted,
            "theme.tombstoned": self._tombstoned,
            "theme.restored": self._restored,
            "theme.removed": self._gone,
            "theme.forgotten": self._forgotten,
            "theme.lost": self._lost,
        }

    def memory(self, since: datetime) -> ThemeMemory:
        """What a store would remember; removals only from a moment on."""
        records = tuple(self.records[name] for name in sorted(self.records))
        return ThemeMemory(records, tuple(at for at in self.removed if at >= since))

    def _record(self, fact: Fact) -> ThemeRecord:
        name, theme_id = str(fact.detail["theme"]), str(fact.detail["theme_id"])
        record = self.records.get(name) or ThemeRecord(name)
        return replace(record, id=theme_id)

    def _asked(self, fact: Fact, ts: datetime) -> None:
        record = self._record(fact)
        asked = fact.detail.get("asked")
        if isinstance(asked, dict):
            fields = {name: None if one is None else str(one) for name, one in asked.items()}
            record = replace(record, fields=MappingProxyType(fields))
            # One that was given our name is ours from then on.
            record = replace(record, adopted=record.adopted and "theme_name" not in fields)
        if fact.event == "theme.updated":
            record = replace(record, updated_at=ts)
        self.records[record.name] = record

    def _adopted(self, fact: Fact, _ts: datetime) -> None:
        record = replace(self._record(fact), adopted=fact.detail.get("marked") is False)
        if "logos" in fact.detail:
            record = replace(
                record,
                uploaded=MappingProxyType(_pictures(fact.detail["logos"])),
                pictures=MappingProxyType(_pictures(fact.detail["pictures"])),
            )
        self.records[record.name] = record

    def _forgotten(self, fact: Fact, _ts: datetime) -> None:
        self.records.pop(self._record(fact).name, None)

    def _uploaded(self, fact: Fact, ts: datetime) -> None:
        record = self._record(fact)
        uploaded = {**record.uploaded, **_pictures(fact.detail["logos"])}
        pictures = {**record.pictures, **_pictures(fact.detail["pictures"])}
        self.records[record.name] = replace(
            record,
            uploaded=MappingProxyType(uploaded),
            pictures=MappingProxyType(pictures),
            painted_at=ts,
        )

    def _defaulted(self, fact: Fact, _ts: datetime) -> None:
        record = self._record(fact)
        self.records = {name: replace(other, default=False) for name, other in self.records.items()}
        self.records[record.name] = replace(record, default=True)

    def _tombstoned(self, fact: Fact, ts: datetime) -> None:
        due = parse_instant(str(fact.detail["due"]))
        record = self._record(fact)
        self.records[record.name] = replace(record, decided_at=ts, due=due)

    def _restored(self, fact: Fact, _ts: datetime) -> None:
        record = self._record(fact)
        self.records[record.name] = replace(record, decided_at=None, due=None)

    def _gone(self, fact: Fact, ts: datetime) -> None:
        self.records.pop(self._record(fact).name, None)
        self.removed.append(ts)

    def _lost(self, fact: Fact, _ts: datetime) -> None:
        record = self._record(fact)
        self.records[record.name] = lost(record)


def _pictures(told: Json) -> dict[str, str]:
    if not isinstance(told, dict):
        message = "pictures are told by their type"
        raise ValueError(message)  # noqa: TRY004 (as what else cannot be read)
    return {str(LogoType(kind)): str(value) for kind, value in told.items()}

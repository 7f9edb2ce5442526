"""Pages as facts tell of them: which stand open, for a store that is made anew.

What a fact does not tell (labels, the sender's body) is gone with the store; the wish is worked out
anew by the policy that took the page.  What was closed is remembered for a day, so that an opening
that arrives late does not bring a dead page back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.pages import Page, Severity, digest_of
from orchestrator.foundation.instants import parse_instant

_REMEMBERED: Final = timedelta(days=1)  # of what was closed


@dataclass(slots=True)
class RetoldPages:
    """Every episode that facts tell of, by its id."""

    episodes: dict[str, Episode] = field(default_factory=dict)

    def opened(self, fact: Fact, ts: datetime) -> None:
        """A policy took the page, or it is open again. Raises `KeyError` or `ValueError`."""
        detail = fact.detail
        known = self.episodes.get(str(detail["episode"]))
        if known is None:
            policy = fact.key.partition("/")[0]
            page = _page(detail, fact.key)
            known = Episode(str(detail["episode"]), _number(detail["count"]), page, ts, policy)
        shares = str(detail.get("shares", ""))
        policy = fact.key.partition("/")[0] or known.policy
        after = replace(known, policy=policy, withheld="", shares=shares, closed_at=None)
        after = replace(after, undecided=False)
        self.episodes[known.id] = replace(after, over_at=None, reason="", merged_into="")

    def ignored(self, fact: Fact, ts: datetime) -> None:
        """No policy took the page. Raises as `opened`."""
        detail, id_ = fact.detail, str(fact.detail["episode"])
        page = _page(detail, "")
        known = self.episodes.get(id_) or Episode(id_, _number(detail["count"]), page, ts)
        undecided = detail.get("undecided") is True
        if not known.policy:
            self.episodes[id_] = replace(known, withheld=fact.reason, undecided=undecided)

    def closed(self, fact: Fact, ts: datetime) -> None:
        """The page is over. Raises as `opened`."""
        known = self.episodes.get(str(fact.detail["episode"]))
        if known is not None:
            after = replace(known, closed_at=ts, reason=fact.reason)
            # Its room has our marker: what becomes of that is no longer the page's to say.
            self.episodes[known.id] = replace(after, over_at=ts)

    def asked(self, fact: Fact, _ts: datetime) -> None:
        """Somebody asked for another room. Raises as `opened`."""
        known = self.episodes[str(fact.detail["episode"])]
        self.episodes[known.id] = replace(known, asks=known.asks + 1)

    def standing(self, now: datetime) -> list[Episode]:
        """Those that are open, and those that were closed within a day, in their order.

        Of one page at most the latest is open.
        """
        found: dict[tuple[str, str], Episode] = {}
        kept: list[Episode] = []
        for episode in self.episodes.values():
            place = (episode.page.source, episode.page.digest)
            before = found.get(place)
            if before is not None and before.is_open:
                kept.remove(before)
            if episode.closed_at is None or now - episode.closed_at < _REMEMBERED:
                kept.append(episode)
                found[place] = episode
        return kept


def _number(value: Json) -> int:
    return int(str(value))


def _page(told: Mapping[str, Json], key: str) -> Page:
    source, own = str(told["source"]), str(told["page"])
    subject = key.partition("/")[2]
    # The key of its room holds the digest, which is that of the whole key; a fact has a part of it.
    begun = f"{source}-"
    digest = subject[len(begun) : len(begun) + 16] if subject.startswith(begun) else ""
    opened = told.get("opened_at")
    return Page(
        source,
        own,
        digest or digest_of(source, own),
        title=str(told.get("title", "")),
        severity=Severity(str(told.get("severity", Severity.UNKNOWN))),
        service=str(told.get("service", "")),
        number=str(told.get("number", "")),
        opened_at=None if opened is None else parse_instant(str(opened)),
    )

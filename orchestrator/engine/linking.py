"""Our own links for operators: which one a key, a schedule or a calendar has.

It makes no link for what is neither wanted nor remembered: a misspelt name would get one as well.
"""

from __future__ import annotations

from typing import Final

from orchestrator.domain.keys import InvalidKeyError, Key, encode_subject, parse_key
from orchestrator.domain.policies import Schedule
from orchestrator.domain.reports import OurLink
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.desk import DeskError

_INVALID: Final = 2
_NO_ADDRESS: Final = (
    "there are no links of our own: write in config.yaml what others reach the daemon by, "
    "such as  http: {public_url: https://rooms.example.com}"
)


class Linking:
    """Answers `orchestrator.ports.desk.Desk.link` for an engine."""

    def __init__(self, engine: Engine) -> None:
        """Answer from what ``engine`` knows."""
        self._engine = engine

    async def link(self, name: str, *, calendar: bool) -> OurLink:
        """Our own link of a name. Raises `DeskError` where it has none."""
        if not self._engine.links.scheme.public_url:
            raise DeskError(_NO_ADDRESS, _INVALID)
        if calendar:
            return self._calendar(name)
        key = await self._engine.parts.store.key_of_room(name)
        if key is None and "/" not in name:
            return await self._series(name)
        return await self._of_key(key or _parsed(name))

    async def _of_key(self, key: Key) -> OurLink:
        links = self._engine.links
        view = await links.look(key.policy, encode_subject(key.subject))
        if view is None:
            message = f"{key} is neither wanted nor remembered: room-orchestrator rooms list"
            raise DeskError(message, _INVALID)
        return OurLink(str(key), links.link_of(key), str(view.stage), view.note)

    async def _series(self, name: str) -> OurLink:
        links, policies = self._engine.links, self._engine.reconciler.book.policies
        policy = policies.get(name)
        if policy is None or not isinstance(policy.made_for, Schedule):
            known = sorted(
                one.name for one in policies.values() if isinstance(one.made_for, Schedule)
            )
            message = (
                f"{name} is neither a key (policy/subject) nor a policy with a schedule; "
                f"schedules are: {', '.join(known) or 'none'}"
            )
            raise DeskError(message, _INVALID)
        view = await links.look(name, "")
        stage, note = ("", "") if view is None else (str(view.stage), view.note)
        return OurLink(name, links.scheme.series_of(name), stage, note)

    def _calendar(self, name: str) -> OurLink:
        calendars = self._engine.feeds.calendars
        chosen = name or (calendars[0] if len(calendars) == 1 else "")
        if chosen not in calendars:
            none = "none; write  destinations: {calendar: {type: calendar}}"
            known = ", ".join(calendars) or none
            asked = f"{name} is no calendar" if name else "say which calendar"
            message = f"{asked}; calendars are: {known}"
            raise DeskError(message, _INVALID)
        return OurLink(chosen, self._engine.links.scheme.feed_of(chosen))


def _parsed(name: str) -> Key:
    try:
        return parse_key(name)
    except InvalidKeyError as error:
        raise DeskError(str(error), _INVALID) from error

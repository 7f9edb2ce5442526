"""Our own links for operators: which one a key, a schedule or a calendar has.

It makes no link for what is neither wanted nor remembered: a misspelt name would get one as well.
"""

from __future__ import annotations

from typing import Final

from orchestrator.domain.keys import InvalidKeyError, Key, decode_key, encode_subject, parse_key
from orchestrator.domain.links import Target
from orchestrator.domain.policies import Schedule
from orchestrator.domain.reports import LinkRow, LinksReport, OurLink
from orchestrator.engine.occurrences import schedules
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.desk import DeskError

_INVALID: Final = 2
_AT_ONCE: Final = 50  # links that are looked at without a pause
_NOT_READ: Final = "it is not known yet what links lead to: the policies are still being read"
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

    async def links(self, destination: str = "") -> LinksReport:
        """Every link and what stands behind it; of a destination's policies alone, if one is named.

        Raises:
            DeskError: there are no links, or it is not known yet what they lead to.
            StoreFault: the store cannot be read.
        """
        engine = self._engine
        scheme = engine.links.scheme
        if not scheme.public_url:
            raise DeskError(_NO_ADDRESS, _INVALID)
        if not engine.links.known():
            raise DeskError(_NOT_READ)
        told: frozenset[str] | None = None
        if destination:
            told = frozenset(
                policy.name
                for policy in engine.reconciler.book.policies.values()
                if any(deliver.to == destination for deliver in policy.deliver)
            )
        rows: dict[str, LinkRow] = {}
        for number, (name, target) in enumerate(await self._targets(told)):
            if number % _AT_ONCE == 0:
                await engine.parts.clock.sleep(0)  # whoever waits for a room goes first
            view = await engine.links.look(target.policy, target.subject)
            if view is not None:
                where = scheme.addresses(target, view)
                rows[where.link] = LinkRow(name, where, view)
        return LinksReport(scheme.public_url, tuple(rows[link] for link in sorted(rows)))

    async def links_for(self, destination: str) -> LinksReport:
        """The links of the policies that deliver to a destination.

        Raises:
            DeliveryFault: they are not known; come again later.
            StoreFault: the store cannot be read.
        """
        try:
            return await self.links(destination)
        except DeskError as error:
            raise DeliveryFault(str(error)) from error

    async def _targets(self, told: frozenset[str] | None) -> list[tuple[str, Target]]:
        """What has a link, under the name that people know it by: of all policies, or of some."""
        engine = self._engine
        book, links = engine.reconciler.book, engine.links
        keys = dict.fromkeys(book.wishes)
        keys.update(dict.fromkeys(state.key for state in await engine.parts.store.states()))
        found: list[tuple[str, Target]] = []
        for key in keys:
            target = links.scheme.target_of(links.link_of(key))
            if target is not None and _is_told(key.policy, told):
                found.append((str(Key(key.policy, key.subject)), target))
        for encoded, heir in (await links.former()).items():
            policy, _, subject = encoded.partition("/")
            if _is_told(heir.policy, told):
                found.append((str(decode_key(encoded) or encoded), Target(policy, subject)))
        for episode in engine.parts.pages.standing():
            if episode.policy and _is_told(episode.policy, told):
                key = Key(episode.policy, episode.page.subject)
                found.append((str(key), Target(key.policy, encode_subject(key.subject))))
        for scheduled, _ in schedules(book):
            if _is_told(scheduled.name, told):
                names = (scheduled.name, *scheduled.formerly)
                found.extend((name, Target(name)) for name in names)
        return found

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


def _is_told(policy: str, told: frozenset[str] | None) -> bool:
    return told is None or policy in told


def _parsed(name: str) -> Key:
    try:
        return parse_key(name)
    except InvalidKeyError as error:
        raise DeskError(str(error), _INVALID) from error

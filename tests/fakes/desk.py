"""A fake of the desk: answers with what it was given, and keeps who commanded what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestrator.domain.reports import (
    ApplyReport,
    Done,
    LinksReport,
    NewPage,
    OpenedPage,
    OurLink,
    PageReport,
    PagesReport,
    Person,
    PlanReport,
    RevealedLink,
    RoomsReport,
    StatusReport,
    WhyNotReport,
    WhyReport,
)
from orchestrator.ports.desk import DeskError
from orchestrator.ports.sources import Folder


@dataclass
class FakeDesk:
    """A desk of canned reports; commands are only written down.

    `refuses` makes every question and command fail with it.
    """

    status_report: StatusReport
    plan_report: PlanReport
    rooms_report: RoomsReport
    why_report: WhyReport
    apply_report: ApplyReport
    pages_report: PagesReport = field(default_factory=PagesReport)
    page_report: PageReport | None = None
    links_report: LinksReport = field(default_factory=lambda: LinksReport("", ()))
    why_not_report: WhyNotReport = field(
        default_factory=lambda: WhyNotReport("team-rooms/fax", "", "unknown", "Nothing is known:")
    )
    opened_page: OpenedPage = field(
        default_factory=lambda: OpenedPage("opened", "manual", "by-hand-1")
    )
    ordered: list[NewPage] = field(default_factory=list)
    refuses: DeskError | None = None
    commands: list[tuple[str, ...]] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)
    candidates: list[Folder] = field(default_factory=list)
    reviewed: list[PlanReport] = field(default_factory=list)

    async def status(self) -> StatusReport:
        self._refuse()
        return self.status_report

    async def plan(self, candidate: Folder | None = None) -> PlanReport:
        self._refuse()
        if candidate is None:
            return self.plan_report
        self.candidates.append(candidate)
        return replace(self.plan_report, candidate=True)

    async def apply(
        self, person: Person, plan: PlanReport | None = None, *, approve: bool = False
    ) -> ApplyReport:
        told = () if plan is None else ("plan", "approve" if approve else "as it is")
        self._command(person, "apply", *told)
        if plan is not None:
            self.reviewed.append(plan)
        return self.apply_report

    async def rooms(self, *, foreign: bool = False) -> RoomsReport:
        self._refuse()
        return self.rooms_report if foreign else replace(self.rooms_report, foreign=())

    async def why(self, name: str) -> WhyReport:
        self._refuse()
        if name != self.why_report.key:
            message = f"{name} is neither wanted nor remembered: room-orchestrator rooms list"
            raise DeskError(message, 2)
        return self.why_report

    async def why_not(self, name: str) -> WhyNotReport:
        self._refuse()
        if name in {self.why_not_report.name, self.why_not_report.key}:
            return self.why_not_report
        return WhyNotReport(name, "", "unknown", f'Nothing is known of "{name}":')

    async def link(self, name: str, *, calendar: bool = False) -> OurLink:
        self._refuse()
        if calendar:
            return OurLink(name or "calendar", "https://rooms.example/calendar/abc.ics")
        return OurLink(name, f"https://rooms.example/r/{name}-abc", "waiting", "It comes.")

    async def links(self) -> LinksReport:
        self._refuse()
        return self.links_report

    async def host_link(self, name: str, person: Person) -> RevealedLink:
        self._command(person, "host_link", name)
        return RevealedLink(name, "room-1", "https://meet.example/room-1?participant_token=host")

    async def adopt(self, room_id: str, key: str, person: Person) -> Done:
        return self._command(person, "adopt", room_id, key)

    async def distinct(self, room_id: str, key: str, person: Person) -> Done:
        return self._command(person, "distinct", room_id, key)

    async def forget(self, name: str, person: Person) -> Done:
        return self._command(person, "forget", name)

    async def rekey(self, old: str, new: str, person: Person) -> Done:
        return self._command(person, "rekey", old, new)

    async def renew(self, name: str, person: Person) -> Done:
        return self._command(person, "renew", name)

    async def protect(self, name: str, person: Person, *, on: bool = True) -> Done:
        return self._command(person, "protect", name, "on" if on else "off")

    async def suspend(self, name: str, until: datetime, person: Person) -> Done:
        return self._command(person, "suspend", name, until.isoformat())

    async def resume(self, name: str, person: Person) -> Done:
        return self._command(person, "resume", name)

    async def freeze(
        self,
        until: datetime,
        person: Person,
        policies: Sequence[str] = (),
        *,
        all_acts: bool = False,
    ) -> Done:
        acts = "all" if all_acts else "changes"
        return self._command(person, "freeze", until.isoformat(), ",".join(policies), acts)

    async def unfreeze(self, name: str, person: Person) -> Done:
        return self._command(person, "unfreeze", name)

    async def reload(self, person: Person) -> Done:
        return self._command(person, "reload")

    async def approve(self, brake: str, person: Person) -> Done:
        return self._command(person, "approve", brake)

    async def pages(self, *, over: bool = False) -> PagesReport:
        self._refuse()
        return replace(self.pages_report, over=over)

    async def page(self, name: str) -> PageReport:
        self._refuse()
        if self.page_report is None or name not in {self.page_report.page.name, "4711"}:
            message = f"no page is known by {name!r}: room-orchestrator page list --over"
            raise DeskError(message, 2)
        return self.page_report

    async def open_page(self, page: NewPage, person: Person) -> OpenedPage:
        self._command(person, "open_page", page.title)
        self.ordered.append(page)
        return self.opened_page

    async def close_page(self, name: str, person: Person) -> Done:
        return self._command(person, "close_page", name)

    def _command(self, person: Person, *words: str) -> Done:
        self._refuse()
        self.persons.append(person)
        self.commands.append(words)
        return Done(f"done: {' '.join(words)}", words)

    def _refuse(self) -> None:
        if self.refuses is not None:
            raise self.refuses

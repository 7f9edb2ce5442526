"""How policies are read: against what config.yaml defines, where there is one.

It refuses nothing itself; the reader refuses what a policy names and config.yaml does not define.
"""

from __future__ import annotations

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.app.directories import uses
from orchestrator.app.links import calendars
from orchestrator.config import Settings
from orchestrator.config.destinations import open_to_all
from orchestrator.domain.paging import nameable


def policy_reader(templates: SandboxedTemplates, settings: Settings | None) -> PolicyReader:
    """The reader by a config.yaml; None: there is none to look anything up in."""
    if settings is None:
        return PolicyReader(templates, CronCalendar())
    return PolicyReader(
        templates,
        CronCalendar(),
        frozenset(settings.destinations),
        uses(settings.directories),
        nameable(settings.sources),
        open_to_all=open_to_all(settings.destinations),
        calendars=frozenset(calendars(settings)),
        archives=frozenset(settings.archives),
    )

"""Reports: what people and programs are told, as values.

The law of this package: the command line, the socket and every page show these and nothing else.
They are taken from here, whichever module they stand in.  A host link is in none of them but
`RevealedLink`, which only a person's own question makes.  All moments are UTC.
"""

from orchestrator.domain.reports.chronicle import (
    DayReport,
    FactRow,
    FactsReport,
)
from orchestrator.domain.reports.commands import (
    Done,
    Person,
)
from orchestrator.domain.reports.doctor import (
    DoctorReport,
    Finding,
    Health,
)
from orchestrator.domain.reports.imports import (
    ImportedPolicy,
    ImportedTheme,
    ImportReport,
    LeftOutRow,
)
from orchestrator.domain.reports.links import (
    LinkRow,
    LinksReport,
)
from orchestrator.domain.reports.measures import (
    Census,
    DestinationMeasures,
    Measures,
)
from orchestrator.domain.reports.pages import (
    EpisodeRow,
    NewPage,
    OpenedPage,
    PageReport,
    PageRow,
    PagesReport,
    SenderRow,
    ToldRow,
)
from orchestrator.domain.reports.plan import (
    ActRow,
    ApplyReport,
    ChangeLine,
    LinkFate,
    NextAct,
    OpeningRow,
    Outcome,
    PlanLine,
    PlanReport,
    Review,
)
from orchestrator.domain.reports.recordings import (
    RecordingRow,
    RecordingsRow,
)
from orchestrator.domain.reports.rehearsal import (
    RehearsalReport,
    RehearsedAct,
    RehearsedCalls,
    RehearsedMonth,
    RehearsedRenewals,
    Unmet,
)
from orchestrator.domain.reports.rooms import (
    ForeignRow,
    OurLink,
    RevealedLink,
    RoomRow,
    RoomsReport,
)
from orchestrator.domain.reports.status import (
    ENDS_AT_WORST,
    ENDS_AWAY,
    ENDS_OBSERVED,
    ENDS_REFUSED,
    ENDS_SUSPENDED,
    FORESEEN,
    BrakeRow,
    ChangesRow,
    DeliveryRow,
    DirectoryRow,
    DormantRow,
    FreezeRow,
    HealthReport,
    LoopRow,
    PolicyRow,
    ReadinessReport,
    StatusReport,
    SuspendedRow,
    ThemeRow,
)
from orchestrator.domain.reports.stores import (
    RebuildReport,
    StoreReport,
)
from orchestrator.domain.reports.why import (
    Asked,
    ComparedField,
    HistoryLine,
    Obstacle,
    Seen,
    WhyNotReport,
    WhyReport,
)

__all__ = [
    "ENDS_AT_WORST",
    "ENDS_AWAY",
    "ENDS_OBSERVED",
    "ENDS_REFUSED",
    "ENDS_SUSPENDED",
    "FORESEEN",
    "ActRow",
    "ApplyReport",
    "Asked",
    "BrakeRow",
    "Census",
    "ChangeLine",
    "ChangesRow",
    "ComparedField",
    "DayReport",
    "DeliveryRow",
    "DestinationMeasures",
    "DirectoryRow",
    "DoctorReport",
    "Done",
    "DormantRow",
    "EpisodeRow",
    "FactRow",
    "FactsReport",
    "Finding",
    "ForeignRow",
    "FreezeRow",
    "Health",
    "HealthReport",
    "HistoryLine",
    "ImportReport",
    "ImportedPolicy",
    "ImportedTheme",
    "LeftOutRow",
    "LinkFate",
    "LinkRow",
    "LinksReport",
    "LoopRow",
    "Measures",
    "NewPage",
    "NextAct",
    "Obstacle",
    "OpenedPage",
    "OpeningRow",
    "OurLink",
    "Outcome",
    "PageReport",
    "PageRow",
    "PagesReport",
    "Person",
    "PlanLine",
    "PlanReport",
    "PolicyRow",
    "ReadinessReport",
    "RebuildReport",
    "RecordingRow",
    "RecordingsRow",
    "RehearsalReport",
    "RehearsedAct",
    "RehearsedCalls",
    "RehearsedMonth",
    "RehearsedRenewals",
    "RevealedLink",
    "Review",
    "RoomRow",
    "RoomsReport",
    "Seen",
    "SenderRow",
    "StatusReport",
    "StoreReport",
    "SuspendedRow",
    "ThemeRow",
    "ToldRow",
    "Unmet",
    "WhyNotReport",
    "WhyReport",
]

"""Putting the daemon together: from settings to a running whole, and back down again.

What is pinned is checked before anything acts: the owner, the application and the API of a store
do not change by a slip in a config file (promise P3).
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from secrets import token_bytes
from typing import Final
from urllib.parse import urlsplit

from orchestrator import logs
from orchestrator.adapters.archives.folder import FolderArchive
from orchestrator.adapters.audit.journalled import JournalledAudit
from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.reading import LogMovedError
from orchestrator.adapters.audit.signing import InvalidSigningKeyError, SigningKey
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.delivery.file import JsonFile
from orchestrator.adapters.delivery.site import StaticSite
from orchestrator.adapters.meetings.downloads import HttpDownloads
from orchestrator.adapters.meetings.overhttp import OverHttp, Patience
from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.recordings import MeetingsRecordings
from orchestrator.adapters.meetings.rooms import Account, MeetingsRooms, connect
from orchestrator.adapters.meetings.rooms import Limits as PressLimits
from orchestrator.adapters.meetings.themes import MeetingsThemes
from orchestrator.adapters.meetings.token import UnusableKeyError, read_key
from orchestrator.adapters.meetings.uploads import HttpUploads
from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.adapters.policies.folder import PolicyFolder
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.adapters.timer import SchedulerTimer
from orchestrator.app.directories import directories, uses
from orchestrator.app.embedded import Api, embedded
from orchestrator.app.insight import Insight
from orchestrator.app.links import calendars, read_scheme, site
from orchestrator.app.messengers import boards, messengers, told_in_page
from orchestrator.app.refusing import StartError
from orchestrator.app.seam import SeamError, learn_lineage, refuse_older, remembered_head
from orchestrator.config.destinations import FileDestination, StaticDestination, type_of
from orchestrator.config.secrets import SecretKind
from orchestrator.config.settings import Calls, EmbeddedMeetings, RemoteMeetings, Settings
from orchestrator.domain.brakes import Limits
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.facts import Json
from orchestrator.domain.links import NO_LINKS, LinkScheme
from orchestrator.domain.paging import nameable
from orchestrator.domain.policies import Mode
from orchestrator.engine.agenda import Agenda
from orchestrator.engine.alerts import Alerts
from orchestrator.engine.book import Binder, Book
from orchestrator.engine.brakes import Brakes
from orchestrator.engine.causes import causes, slower_causes
from orchestrator.engine.desk import EngineDesk
from orchestrator.engine.executor import Executor
from orchestrator.engine.freezes import Freezes
from orchestrator.engine.gathering import Gathering, clock_behind, clocks_apart
from orchestrator.engine.hints import Hints
from orchestrator.engine.inbox import Inbox
from orchestrator.engine.lineage import STRANGER, UNSURE, Lineage
from orchestrator.engine.linking import Linking
from orchestrator.engine.measuring import Measuring
from orchestrator.engine.messages import Messages
from orchestrator.engine.observations import Observations
from orchestrator.engine.occurrences import Occurrences
from orchestrator.engine.outbox import Outbox
from orchestrator.engine.overview import Whence
from orchestrator.engine.pages import Pages
from orchestrator.engine.polling import Polling
from orchestrator.engine.reconciler import Parts, Reconciler
from orchestrator.engine.recorder import Recorder
from orchestrator.engine.reload import Reload
from orchestrator.engine.resync import Resync
from orchestrator.engine.reviewing import Reviewing
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.supervisor import Engine
from orchestrator.engine.surroundings import Surroundings
from orchestrator.engine.wardrobe import Wardrobe
from orchestrator.engine.weather import Weather
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret, SecretFault
from orchestrator.ports.adoptions import Adoptions
from orchestrator.ports.archives import Archive
from orchestrator.ports.audit import AuditLog
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import AlertBoard, Destination, LinkBoard, Messenger
from orchestrator.ports.directories import Directories
from orchestrator.ports.intake import PageDesk
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.recordings import Recordings
from orchestrator.ports.rooms import URGENT, Rooms
from orchestrator.ports.sources import Sources
from orchestrator.ports.store import Commit, Store
from orchestrator.ports.themes import Themes
from orchestrator.ports.timer import Timer
from orchestrator.ports.tracing import UNTRACED, Tracer

_PINS: Final = ("owner", "api", "application")
_MANY_ROOMS: Final = 100_000  # that one listing may have to show


@dataclass(slots=True)
class App:
    """The whole, put together; `run` works until `stop`."""

    settings: Settings
    engine: Engine
    desk: EngineDesk
    api: Api
    clock: Clock
    measuring: Measuring  # how the engine stands, as numbers
    pages: PageDesk | None = None  # where pages go; None: whoever sends one is to come again
    started: dict[str, Json] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until `stop`; returns when everything that was begun is finished."""
        await self.engine.run(self.started)

    def stop(self) -> None:
        """Ask `run` to end."""
        self.engine.stop()


@dataclass(frozen=True, slots=True)
class Outside:
    """What an engine stands on; tests and rehearsals bring their own."""

    store: Store
    rooms: Rooms
    audit: AuditLog
    sources: Sources
    timer: Timer
    clock: Clock
    destinations: Mapping[str, Destination | LinkBoard]
    themes: Themes | None = None  # None: no theme is kept, and rooms are made without
    recordings: Recordings | None = None  # None: no recording is kept
    archives: Mapping[str, Archive] = field(default_factory=dict)
    messengers: Mapping[str, Messenger] = field(default_factory=dict)  # other names than those
    boards: Mapping[str, AlertBoard] = field(default_factory=dict)  # of the operators
    adoptions: Adoptions | None = None
    directories: Directories | None = None
    secrets: Mapping[str, SecretUse] | None = None  # of config.yaml, for headers of policies
    named: frozenset[str] | None = None  # destinations that policies may name; None: those above
    links: LinkScheme = NO_LINKS
    named_sources: frozenset[str] | None = None  # that policies may name; None: any
    in_page: Mapping[str, frozenset[str]] = field(default_factory=dict)  # see `PageLinks.in_page`
    calendars: tuple[str, ...] = ()  # destinations that are feeds; other names than those above
    open_to_all: frozenset[str] = frozenset()  # of those named; empty: `destinations`
    jitter: Callable[[], float] = random.random  # numbers in [0, 1)
    entropy: Callable[[int], bytes] = token_bytes  # seeded where runs are to be repeated
    meter: Meter = UNMETERED
    tracer: Tracer = UNTRACED


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    running: bool = True,
    repin: bool = False,
    callbacks: Secret | None = None,
    insight: Insight | None = None,
) -> AsyncIterator[App]:
    """Put the daemon together for the length of the block.

    Args:
        settings: of one installation.
        running: the loops will run; otherwise the desk answers by itself, for one command.
        repin: take the owner, API and application of the settings for this store's from now on.
        callbacks: where the embedded server is to tell who comes and goes; None: nowhere.
        insight: what counts and traces; None: nothing does.

    Raises:
        StartError: something that is pinned changed, or a key cannot be read.
        StoreFault: the store cannot be opened; `StoreTakenError` if another daemon has it.
        OSError: the embedded server's address cannot be had.
    """
    clock, insight = SystemClock(), insight or Insight()
    async with AsyncExitStack() as stack:
        settings.store.parent.mkdir(parents=True, exist_ok=True)
        was_there = settings.store.exists()
        store = await SqliteStore.open(settings.store)
        stack.push_async_callback(store.close)
        store.meter = insight.meter
        api = await reach_api(settings, callbacks, clock, stack)
        await check_pins(store, settings.owner, api, clock, repin=repin)
        reached = await reach(settings, api, clock, stack)
        session = reached.rooms.session
        session.meter, session.tracer = insight.meter, insight.tracer
        audit = await _audit(settings, store, stack)
        await _learn_lineage(settings, store, clock, was_there=was_there)
        sources = PolicyFolder(settings.policies, clock)
        timer = SchedulerTimer()
        stack.push_async_callback(timer.close)
        asked = directories(settings.directories, clock)
        stack.push_async_callback(asked.close)
        told = messengers(settings, clock)
        for messenger in told.values():
            stack.push_async_callback(messenger.close)
        outside = Outside(
            store=store,
            rooms=reached.rooms,
            themes=reached.themes,
            recordings=reached.recordings,
            archives=_archives(settings),
            audit=JournalledAudit(audit) if running and logs.leads_to_journal() else audit,
            sources=sources,
            timer=timer,
            clock=clock,
            destinations=_destinations(settings),
            messengers=told,
            boards=boards(settings, store, clock, stack),
            adoptions=AdoptedFile(settings.policies),
            directories=asked,
            secrets=uses(settings.directories),
            links=read_scheme(settings),
            named_sources=nameable(settings.sources),
            in_page=told_in_page(settings),
            calendars=calendars(settings),
            meter=insight.meter,
            tracer=insight.tracer,
        )
        engine = assemble(engine_settings(settings, api.url), outside)
        whence = Whence(str(settings.file), version("room-orchestrator"), clock.now())
        desk = EngineDesk(engine, whence, running=running)
        types = {name: type_of(one) for name, one in settings.destinations.items()}
        measuring = Measuring(engine, whence.started_at, types)
        app = App(settings, engine, desk, api, clock, measuring, pages=engine.parts.pages)
        app.started = {
            "version": whence.version,
            "incarnation": store.incarnation,
            "mode": str(settings.mode),
            "api": api.url,
            "store": str(settings.store),
            "policies": str(settings.policies),
            "pid": os.getpid(),
        }
        yield app


def engine_settings(settings: Settings, url: str) -> EngineSettings:
    """The engine's slice of the configuration."""
    safety, calls = settings.safety, settings.meetings.calls
    return EngineSettings(
        owner=settings.owner,
        url=url,
        mode=settings.mode,
        settle=calls.settle,
        resync_interval=settings.resync_interval,
        workers=max(2 * calls.concurrency, 4),
        limits=Limits(safety.max_removals, safety.max_removal_percent, safety.per),
        occupied_max=safety.occupied_max,
        longest_turn=longest_turn(calls),
        changes=safety.changes,
    )


def longest_turn(calls: Calls) -> timedelta:
    """No turn and no listing takes longer, whatever the API does: then it hangs.

    Half an hour of work; time-outs of calls that are tried again; a listing of 100,000 rooms of
    which every page takes nearly its whole time; and, where few calls a second are allowed, the
    wait for two thousand of them.
    """
    time_outs = 40 + _MANY_ROOMS / calls.page_size
    return timedelta(minutes=30) + time_outs * calls.timeout + timedelta(seconds=2000 / calls.rate)


def assemble(settings: EngineSettings, outside: Outside) -> Engine:
    """Put the engine's parts together on whatever it stands on."""
    observations = Observations(settings.owner, settings.occupied_max)
    weather = Weather(settings.url)
    calendar = CronCalendar()
    templates = SandboxedTemplates()
    store, rooms, clock = outside.store, outside.rooms, outside.clock
    gathering = Gathering(store, rooms, observations, calendar, clock, settings)
    executor = Executor(store, rooms, observations, weather, clock, settings)
    executor.entropy = outside.entropy
    resync = Resync(store, rooms, observations, weather, clock, settings)
    gathering.lost_at = executor.lost_at.get
    gathering.in_flight = executor.in_flight.__contains__
    gathering.vanished = lambda: resync.absences.found.doubtful
    executor.shows = resync.shows
    lineage = Lineage(store, rooms, observations, clock)
    resync.seen = lineage.look
    gathering.stranger = lambda: lineage.stranger and STRANGER
    polling = Polling(outside.directories, store, clock, settings.owner)
    gathering.source_doubt = polling.doubt
    inbox = Inbox()
    occurrences = Occurrences(calendar, templates, clock, outside.timer)
    occurrences.apart = lambda: bool(clocks_apart(rooms.clock_difference()))
    # In observe nobody is told anything: what is due waits for another mode.
    told = {} if settings.mode is Mode.OBSERVE else outside.destinations
    posted = {} if settings.mode is Mode.OBSERVE else outside.messengers
    parts = Parts(
        store=store,
        rooms=rooms,
        observations=observations,
        gathering=gathering,
        executor=executor,
        resync=resync,
        brakes=Brakes(store, settings.limits),
        inbox=inbox,
        agenda=Agenda(inbox, outside.timer, clock, settings.probe),
        hints=Hints(store, rooms, observations, inbox, clock, settings.occupied_max),
        weather=weather,
        clock=clock,
        occurrences=occurrences,
        lineage=lineage,
        # Operators are told in observe, too: it is they who look.
        alerts=Alerts(store, clock, outside.boards, settings.probe),
        messages=Messages(store, posted, clock, rooms.get_host_link),
        pages=Pages(store, templates, inbox, clock, outside.timer, settings.mode),
        wardrobe=Wardrobe(
            outside.themes,
            Surroundings(store, rooms, observations, gathering, inbox, weather, clock),
            settings,
        ),
        recorder=Recorder(
            outside.recordings,
            outside.archives,
            Surroundings(store, rooms, observations, gathering, inbox, weather, clock),
            settings,
        ),
        freezes=Freezes(store, clock, rooms.api_now, settings.probe),
        reviewing=Reviewing(),
    )
    outbox = Outbox(store, outside.audit, told, clock, outside.adoptions)
    gathering.unsure = lambda: (lineage.doubt and UNSURE) or outbox.unaudited
    named = outside.named
    if named is None:
        named = frozenset({*outside.destinations, *outside.messengers, *outside.calendars})
    reader = PolicyReader(
        templates,
        calendar,
        named,
        outside.secrets,
        outside.named_sources,
        open_to_all=outside.open_to_all or frozenset({*outside.destinations, *outside.calendars}),
        calendars=frozenset(outside.calendars),
        # Where no recordings are kept, nobody looks into what policies say of them.
        archives=None if outside.recordings is None else frozenset(outside.archives),
    )
    # Whom adopted.yaml names is not known before it was read once (P4).
    reconciler = Reconciler(parts, Book(adopted=None))
    binder = Binder(reader, templates)
    reload = Reload(outside.sources, binder, parts, reconciler, outbox, polling)
    reload.meet = parts.messages.meet
    engine = Engine(parts, reconciler, reload, outbox, polling, settings)
    engine.jitter = outside.jitter
    _join_pauses(engine)
    engine.links.scheme = outside.links
    _join_pages(engine, outside)

    def swapped() -> None:
        parts.messages.nudge()
        parts.pages.policies_changed()

    reload.swapped = swapped
    _join_kept(engine)
    _join_insight(engine, outside)

    # Whether a loop hangs is for the watchdog: after a suspend all seem to, for a moment.
    parts.alerts.quick = lambda: [one for one in causes(engine) if one.name != "hanging"]
    parts.alerts.slower = lambda: slower_causes(engine)
    parts.alerts.sure = lambda: observations.listed and inbox.empty
    return engine


def _join_pages(engine: Engine, outside: Outside) -> None:
    """Let pages, our own links and messages know of each other."""
    pages, links, messages = engine.parts.pages, engine.links, engine.parts.messages
    pages.book = messages.book = lambda: engine.reconciler.book
    pages.entropy = outside.entropy
    # Nor before a listing: which clock a start is under is known by what the API answered.
    pages.apart = lambda: (
        not engine.parts.observations.listed or bool(clocks_apart(outside.rooms.clock_difference()))
    )
    pages.behind = lambda: clock_behind(outside.rooms.clock_difference())
    hurry = engine.parts.inbox.hurry
    messages.hasten(hurry)
    engine.parts.executor.waiting = lambda: hurry.off(page=URGENT.get())
    page_links = engine.page_links
    page_links.in_page = outside.in_page
    pages.link_of = outside.links.link_of
    page_links.changed = messages.nudge_pages
    engine.links.calendars = outside.calendars
    engine.outbox.links = outside.links
    messages.pages = page_links
    engine.outbox.listing = Linking(engine).links_for
    messages.link_of = links.link_of if outside.links.public_url else None


def _join_insight(engine: Engine, outside: Outside) -> None:
    """Let what happens be counted and followed."""
    meter, tracer, parts = outside.meter, outside.tracer, engine.parts
    parts.inbox.moment = parts.clock.monotonic
    engine.reconciler.tracer = tracer
    engine.outbox.meter = parts.resync.meter = meter
    parts.pages.firsts.meter, parts.pages.firsts.tracer = meter, tracer
    parts.messages.measured_by(meter, tracer)


def _join_pauses(engine: Engine) -> None:
    """Let keys know of freezes, and of the plan that is being carried out."""
    parts = engine.parts
    freezes, gathering = parts.freezes, parts.gathering
    gathering.freezes = lambda: freezes.standing
    gathering.reviewed = parts.reviewing.marks
    freezes.apart = lambda: clocks_apart(parts.rooms.clock_difference())
    freezes.changed = engine.pauses_changed


def _join_kept(engine: Engine) -> None:
    """Let what is kept besides rooms know of these."""
    _join_themes(engine)
    _join_recordings(engine)


def _join_themes(engine: Engine) -> None:
    """Let rooms know of their themes."""
    wardrobe, gathering = engine.parts.wardrobe, engine.parts.gathering
    wardrobe.book = lambda: engine.reconciler.book
    gathering.dress = wardrobe.dress
    gathering.awaits_theme = wardrobe.awaited
    told = engine.reload.swapped

    def swapped() -> None:
        told()
        wardrobe.nudge()

    engine.reload.swapped = swapped


def _join_recordings(engine: Engine) -> None:
    """Let the recorder know of sessions, of callbacks and of another book."""
    parts, told = engine.parts, engine.reload.swapped
    recorder = parts.recorder
    recorder.book = lambda: engine.reconciler.book
    parts.resync.sessions_read = recorder.read
    parts.hints.heard = recorder.heard

    def swapped() -> None:
        told()
        recorder.nudge()

    engine.reload.swapped = swapped


async def reach_api(
    settings: Settings, callbacks: Secret | None, clock: Clock, stack: AsyncExitStack
) -> Api:
    """The API that a config names; an embedded one runs as long as the stack stands."""
    match settings.meetings:
        case EmbeddedMeetings() as meetings:
            server = embedded(meetings, settings.owner, clock, callbacks)
            return await stack.enter_async_context(server)
        case RemoteMeetings(url=url, application_id=application, private_key=key):
            return Api(url, application, key.read(), url)


async def reach_rooms(
    settings: Settings, api: Api, clock: Clock, stack: AsyncExitStack
) -> MeetingsRooms:
    """The rooms of an API. Raises `StartError` where the key cannot be used."""
    return (await reach(settings, api, clock, stack)).rooms


@dataclass(frozen=True, slots=True)
class Reached:
    """What is to be had at an API."""

    rooms: MeetingsRooms
    themes: MeetingsThemes
    recordings: MeetingsRecordings


async def reach(settings: Settings, api: Api, clock: Clock, stack: AsyncExitStack) -> Reached:
    """All that an API has for us. Raises `StartError` where the key cannot be used."""
    calls = settings.meetings.calls
    http = OverHttp(api.url, Patience(answer=calls.timeout, silence=calls.timeout))
    stack.push_async_callback(http.close)
    # In observe nothing but GET can leave this process, whatever the code above it does.
    sealed = ReadOnly(http) if settings.mode is Mode.OBSERVE else None
    try:
        account = Account(api.application_id, read_key(api.private_key), _key_source(settings))
    except UnusableKeyError as fault:
        raise StartError(str(fault)) from fault
    rooms = connect(sealed or http, account, clock, press_limits(calls))
    found, places = downloads(settings, api), uploads(settings, api)
    stack.push_async_callback(found.close)
    stack.push_async_callback(places.close)
    return Reached(
        rooms,
        MeetingsThemes(rooms.session, sealed or places),
        MeetingsRecordings(rooms.session, found),
    )


def downloads(settings: Settings, api: Api) -> HttpDownloads:
    """The way to recordings."""
    reach_, unencrypted = _named_by(settings, api)
    return HttpDownloads(reach_, unencrypted=unencrypted, inside=api.inside)


def uploads(settings: Settings, api: Api) -> HttpUploads:
    """The way to where pictures go."""
    reach_, unencrypted = _named_by(settings, api)
    calls = settings.meetings.calls
    patience = Patience(answer=calls.timeout, silence=calls.timeout)
    return HttpUploads(reach_, unencrypted=unencrypted, patience=patience, inside=api.inside)


def _named_by(settings: Settings, api: Api) -> tuple[Reach, bool]:
    """What an API may name: public addresses, those allowed, its own machine; whether by http."""
    own = urlsplit(api.url)
    reach_ = settings.meetings.calls.reach
    if own.hostname:
        itself = read_reach((own.hostname,))
        reach_ = Reach((*reach_.networks, *itself.networks), reach_.hosts | itself.hosts)
    return reach_, own.scheme == "http"


def _archives(settings: Settings) -> dict[str, Archive]:
    return {
        name: FolderArchive(one.path, reserve=one.reserve)
        for name, one in settings.archives.items()
    }


def press_limits(calls: Calls) -> PressLimits:
    """How hard an API is pressed: a second's calls may leave at once after a pause."""
    return PressLimits(
        per_second=calls.rate,
        burst=max(int(calls.rate), 1),
        concurrency=calls.concurrency,
        page_size=calls.page_size,
    )


def _key_source(settings: Settings) -> Callable[[], Secret] | None:
    """Reads the private key anew, where it stands in a file: elsewhere it cannot change."""
    if not isinstance(settings.meetings, RemoteMeetings):
        return None
    source = settings.meetings.private_key
    if source.kind is not SecretKind.FILE:
        return None

    def read() -> Secret:
        try:
            return source.read()
        except SecretFault as fault:
            raise UnusableKeyError(str(fault)) from fault

    return read


def signing_key(settings: Settings) -> SigningKey | None:
    """What signs the checkpoints of the log, if anything does. Raises `StartError`."""
    if settings.audit.signing_key is None:
        return None
    try:
        return SigningKey.from_pem(settings.audit.signing_key.read())
    except InvalidSigningKeyError as fault:
        raise StartError(str(fault)) from fault


async def _audit(settings: Settings, store: SqliteStore, stack: AsyncExitStack) -> JsonlAudit:
    settings.audit.file.parent.mkdir(parents=True, exist_ok=True)
    key = signing_key(settings)
    place = LogPlace(
        settings.audit.file, settings.owner, store.incarnation, key, await remembered_head(store)
    )
    audit = JsonlAudit(place, sync_every=settings.audit.sync_every)
    stack.push_async_callback(audit.close)
    try:
        await refuse_older(store, audit, (settings.store, settings.audit.file))
    except SeamError as fault:
        raise StartError(str(fault)) from fault
    return audit


async def _learn_lineage(
    settings: Settings, store: Store, clock: Clock, *, was_there: bool
) -> None:
    paths = (settings.store, settings.audit.file)
    try:
        await learn_lineage(store, settings.owner, paths, clock, was_there=was_there)
    except (SeamError, LogMovedError) as fault:
        raise StartError(str(fault)) from fault


def _destinations(settings: Settings) -> dict[str, Destination | LinkBoard]:
    destinations: dict[str, Destination | LinkBoard] = {}
    for name, destination in settings.destinations.items():
        if isinstance(destination, FileDestination):
            destination.path.parent.mkdir(parents=True, exist_ok=True)
            destinations[name] = JsonFile(name, destination.path)
        elif isinstance(destination, StaticDestination):
            destination.path.parent.mkdir(parents=True, exist_ok=True)
            destinations[name] = StaticSite(name, site(destination.path))
    return destinations


def pins(owner: str, api: Api) -> dict[str, str]:
    """What a store is pinned to for good, by the names of `_PINS`."""
    return {"owner": owner, "api": api.pinned, "application": api.application_id}


async def check_pins(store: Store, owner: str, api: Api, clock: Clock, *, repin: bool) -> None:
    """Refuse to go on with another owner, application or API than this store was made for."""
    now = pins(owner, api)
    wrong: list[str] = []
    for name in _PINS:
        pinned = await store.note(f"pin.{name}")
        if pinned is not None and pinned != now[name]:
            wrong.append(f"{name} was {pinned!r} and is {now[name]!r} in the config")
    if wrong and not repin:
        raise StartError(
            f"this store belongs to another installation: {'; '.join(wrong)}. Put the config "
            "right, or if it is meant, start once with:  room-orchestrator run --repin"
        )
    notes = {f"pin.{name}": value for name, value in now.items()}
    await store.commit(Commit(notes=dict(notes)), clock.now())


__all__ = ["App", "Outside", "StartError", "assemble", "build", "engine_settings"]

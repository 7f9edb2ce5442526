"""The messengers of one installation, and where its operators are told, put together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

from orchestrator.adapters.delivery.email import Account, EmailPoster, Security
from orchestrator.adapters.delivery.file import AlertsFile
from orchestrator.adapters.delivery.hook import Hook, HookPoster
from orchestrator.adapters.delivery.matrix import MatrixPoster
from orchestrator.adapters.delivery.mattermost import MATTERMOST
from orchestrator.adapters.delivery.opsgenie import Opsgenie
from orchestrator.adapters.delivery.pagerduty import PagerDuty
from orchestrator.adapters.delivery.posting import Post
from orchestrator.adapters.delivery.slack import SLACK_WEBHOOK, SlackPoster
from orchestrator.adapters.delivery.teams import TEAMS
from orchestrator.adapters.delivery.telling import PostedAlerts, Poster, Teller
from orchestrator.adapters.delivery.webhook import Webhook, WebhookAlerts
from orchestrator.config.destinations import (
    CalendarDestination,
    EmailDestination,
    FileDestination,
    HookDestination,
    MatrixDestination,
    OpsgenieDestination,
    PagerDutyDestination,
    PostedDestination,
    SlackDestination,
    StaticDestination,
    WebhookDestination,
)
from orchestrator.config.settings import Settings
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import AlertBoard, Messenger
from orchestrator.ports.store import Commit, Store, StoreFault

_HOOKS: Final[Mapping[str, Hook]] = {
    "slack-webhook": SLACK_WEBHOOK,
    "mattermost": MATTERMOST,
    "teams": TEAMS,
}


def messengers(settings: Settings, clock: Clock) -> dict[str, Messenger]:
    """Who tells of links, by the names that policies use; the caller closes them."""
    return {
        name: _messenger(name, destination, clock)
        for name, destination in settings.destinations.items()
        if not isinstance(destination, FileDestination | CalendarDestination | StaticDestination)
    }


# What tells a page in the paging system itself, and which types of sources are that system's.
_SYSTEMS: Final[Mapping[type, frozenset[str]]] = {
    PagerDutyDestination: frozenset({"pagerduty"}),
    OpsgenieDestination: frozenset({"opsgenie", "jsm"}),
}


def told_in_page(settings: Settings) -> dict[str, frozenset[str]]:
    """The destinations that tell each page in its own system: of the sources that are of it."""
    return {
        name: frozenset(
            source
            for source, known in settings.sources.items()
            if known.kind in _SYSTEMS[type(destination)]
        )
        for name, destination in settings.destinations.items()
        if type(destination) in _SYSTEMS
    }


def boards(
    settings: Settings, store: Store, clock: Clock, stack: AsyncExitStack
) -> dict[str, AlertBoard]:
    """Where the operators are told, by the names of the destinations; the stack closes them."""
    made: dict[str, AlertBoard] = {}
    for name in settings.alerts:
        destination = settings.destinations[name]
        if isinstance(destination, FileDestination):
            destination.alerts.parent.mkdir(parents=True, exist_ok=True)
            made[name] = AlertsFile(destination.alerts)
            continue
        if isinstance(destination, CalendarDestination | StaticDestination):
            continue  # nobody is told there; config.yaml is refused that says so
        poster = _alerter(destination, clock)
        stack.push_async_callback(poster.close)
        made[name] = PostedAlerts(poster, StoredNote(store, clock, f"alerts.{name}"))
    return made


class StoredNote:
    """A note of the store as `orchestrator.ports.deliveries.Keepsake`."""

    def __init__(self, store: Store, clock: Clock, name: str) -> None:
        self._store = store
        self._clock = clock
        self._name = name

    async def read(self) -> str | None:
        """What was kept; None where the store cannot be read."""
        try:
            return await self._store.note(self._name)
        except StoreFault:
            return None

    async def write(self, text: str | None) -> None:
        """Keep it, if the store can; that it cannot is told by whoever looks after the store."""
        try:
            await self._store.commit(Commit(notes={self._name: text}), self._clock.now())
        except StoreFault:
            return


def _messenger(name: str, destination: PostedDestination, clock: Clock) -> Messenger:
    post = Post(destination.reach, clock)
    match destination:
        case WebhookDestination(url=url, secret=secret):
            return Webhook(name, url, secret.read, post, clock)
        case PagerDutyDestination(url=url, key=key, sender=sender, bridge=bridge):
            return PagerDuty(name, url, key.read, sender, post, bridge=bridge)
        case OpsgenieDestination(url=url, key=key):
            return Opsgenie(name, url, key.read, post)
        case _:
            return Teller(name, _poster(destination, clock))


def _alerter(destination: PostedDestination, clock: Clock) -> Poster:
    """What posts alerts. Those of paging systems post none: config.yaml is checked for it."""
    if isinstance(destination, WebhookDestination):
        secret = destination.secret.read
        return WebhookAlerts(destination.url, secret, Post(destination.reach, clock), clock)
    if isinstance(destination, PagerDutyDestination | OpsgenieDestination):
        message = "paging systems are told of no alerts"
        raise TypeError(message)
    return _poster(destination, clock)


def _poster(
    destination: SlackDestination | HookDestination | MatrixDestination | EmailDestination,
    clock: Clock,
) -> Poster:
    post = Post(destination.reach, clock)
    match destination:
        case SlackDestination(url=url, token=token, channel=channel):
            return SlackPoster(url, token.read, channel, post)
        case MatrixDestination(url=url, token=token, room=room):
            return MatrixPoster(url, token.read, room, post)
        case HookDestination(chat=chat, url=secret):
            return HookPoster(_HOOKS[chat], secret.read, post)
        case EmailDestination():
            password = destination.password
            account = Account(
                destination.host,
                destination.port,
                Security(destination.security),
                destination.username,
                None if password is None else password.read,
            )
            return EmailPoster(
                account, destination.sender, destination.to, destination.reach, clock
            )

"""What the messengers' suite stands on: each destination before a service of its kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from orchestrator.adapters.delivery.email import Account, EmailPoster, Security
from orchestrator.adapters.delivery.hook import HookPoster
from orchestrator.adapters.delivery.matrix import MatrixPoster
from orchestrator.adapters.delivery.mattermost import MATTERMOST
from orchestrator.adapters.delivery.opsgenie import Opsgenie
from orchestrator.adapters.delivery.pagerduty import PagerDuty
from orchestrator.adapters.delivery.posting import Bounds, Post
from orchestrator.adapters.delivery.slack import SLACK_WEBHOOK, SlackPoster
from orchestrator.adapters.delivery.teams import TEAMS
from orchestrator.adapters.delivery.telling import Poster, Teller
from orchestrator.adapters.delivery.webhook import Webhook
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.pages import Page, Severity, digest_of
from orchestrator.foundation.reach import read_reach
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    Messenger,
)
from tests.fakes import chats
from tests.fakes.chats import TOKEN, Chat, Mishap
from tests.fakes.clock import VirtualClock
from tests.fakes.mail import MailServer
from tests.fakes.messengers import FakeMessenger, Lost

HERE: Final = read_reach(("127.0.0.0/8",))
BOUNDS: Final = Bounds(connect=30.0, total=30.0)  # no test waits for them
SECRET: Final = "whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMg=="
OPENED: Final = datetime(2026, 11, 22, 15, 58, 42, tzinfo=UTC)
LINK: Final = "https://rooms.example/r/oncall-bridge/pagerduty-4f1a-ABCDEFGHIJKLMNOP"
HOST: Final = "https://meet.example/host/hunter2"
PAGE: Final = Page(
    source="pagerduty",
    key=chats.PagerDuty.incident,
    digest=digest_of("pagerduty", chats.PagerDuty.incident),
    title="Checkout error rate above 14 % in eu1",
    severity=Severity.CRITICAL,
    service="checkout-api",
    url="https://example.pagerduty.com/incidents/Q2K7XH0P4ZT9VN",
    number="4182",
)
WAITING: Final = Announcement(
    id="a1b2c3d4-1",
    revision=1,
    stage=Stage.WAITING,
    policy="oncall-bridge",
    key="oncall-bridge/pagerduty-4f1a",
    title=PAGE.title,
    link=LINK,
    page=PAGE,
    opened_at=OPENED,
)
OPEN: Final = replace(WAITING, revision=2, stage=Stage.OPEN, room_id="b3142c46-d1c1")
CLOSED: Final = replace(OPEN, revision=3, stage=Stage.CLOSED, closed_at=OPENED)


@dataclass
class Stand:
    """A messenger, what people see where it posts, and how to break the service.

    Attributes:
        seen: the messages that people see now, all words of each in one text.
        goes_wrong: from now on, until told None.
        of: puts an announcement into the terms of this destination (the page's own key).
        links: it shows the link alone and is told of no stage.
        doubles: a second attempt cannot find out what became of the first.
        has_host: it is told the link of a host.
        knows_busy: the service can say how long to wait.
    """

    messenger: Messenger
    seen: Callable[[], Sequence[str]]
    goes_wrong: Callable[[Mishap | None], None]
    of: Callable[[Announcement], Announcement] = lambda told: told
    links: bool = False
    doubles: bool = False
    has_host: bool = True
    knows_busy: bool = True


Standing = Callable[[], AbstractAsyncContextManager[Stand]]


def secret(value: str) -> Callable[[], Secret]:
    return lambda: Secret(value)


def posting() -> Post:
    return Post(HERE, VirtualClock(), BOUNDS)


def _faked(*, edits: bool) -> Standing:
    @asynccontextmanager
    async def stand() -> AsyncIterator[Stand]:
        fake = FakeMessenger("here", edits=edits)

        def seen() -> list[str]:
            return [
                f"{post.stage} {post.link} {post.host_link and post.host_link.reveal()}"
                for post in fake.posts
            ]

        def goes_wrong(mishap: Mishap | None) -> None:
            fake.coming.clear()
            fake.fault = None
            if mishap is Mishap.LOST:
                fake.coming.append(Lost())
            elif mishap is not None:
                fake.fault = {
                    Mishap.AWAY: DeliveryFault("is down"),
                    Mishap.BUSY: DeliveryFault("is busy", retry_after=7),
                    Mishap.KEY: DeliveryRefusedError("check the secret"),
                }[mishap]

        yield Stand(fake, seen, goes_wrong)

    return stand


def _posted(chat: type[Chat], poster: Callable[[str], Poster], *, doubles: bool) -> Standing:
    @asynccontextmanager
    async def stand() -> AsyncIterator[Stand]:
        service = chat()
        async with chats.serving(service) as url:

            def goes_wrong(mishap: Mishap | None) -> None:
                service.mishap = mishap

            messenger = Teller("here", poster(url))
            yield Stand(messenger, service.seen, goes_wrong, doubles=doubles)

    return stand


class Receiver(Chat):
    """Who takes our webhooks: an event is taken once, and the highest revision is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, dict[str, object]] = {}
        self.taken: set[str] = set()

    def seen(self) -> list[str]:
        return [str(event) for event in self.events.values()]

    def stranger(self) -> chats.Reply:
        return chats.Reply(410)

    def answer(self, asked: chats.Asked) -> chats.Reply:
        if asked.headers["webhook-id"] not in self.taken:
            self.taken.add(asked.headers["webhook-id"])
            data = asked.json["data"]
            self.events[data["id"]] = data
        return chats.Reply(204)


@asynccontextmanager
async def _webhook() -> AsyncIterator[Stand]:
    service = Receiver()
    async with chats.serving(service) as url:

        def goes_wrong(mishap: Mishap | None) -> None:
            service.mishap = mishap

        messenger = Webhook("here", url, secret(SECRET), posting(), VirtualClock())
        yield Stand(messenger, service.seen, goes_wrong)


def _pagerduty(*, bridge: bool) -> Standing:
    @asynccontextmanager
    async def stand() -> AsyncIterator[Stand]:
        service = chats.PagerDuty()
        async with chats.serving(service) as url:

            def goes_wrong(mishap: Mishap | None) -> None:
                service.mishap = mishap

            key = secret(TOKEN)
            messenger = PagerDuty("here", url, key, "anna@example.com", posting(), bridge=bridge)
            yield Stand(messenger, service.seen, goes_wrong, links=True, has_host=not bridge)

    return stand


@asynccontextmanager
async def _opsgenie() -> AsyncIterator[Stand]:
    service = chats.Opsgenie()
    async with chats.serving(service) as url:

        def goes_wrong(mishap: Mishap | None) -> None:
            service.mishap = mishap

        def of(told: Announcement) -> Announcement:
            return replace(told, page=replace(PAGE, source="opsgenie", key=service.alert))

        messenger = Opsgenie("here", f"{url}/v2", secret(TOKEN), posting())
        yield Stand(messenger, service.seen, goes_wrong, of, links=True)


@asynccontextmanager
async def _email() -> AsyncIterator[Stand]:
    async with MailServer().serving() as server:

        def goes_wrong(mishap: Mishap | None) -> None:
            server.mishap = mishap

        account = Account(
            "127.0.0.1", server.port, Security.NONE, "rooms", secret("hunter2"), timeout=30.0
        )
        poster = EmailPoster(
            account, "rooms@example.com", ("oncall@example.com",), HERE, VirtualClock()
        )
        messenger = Teller("here", poster)
        yield Stand(messenger, server.seen, goes_wrong, doubles=True, knows_busy=False)


STANDS: Final[dict[str, Standing]] = {
    "fake": _faked(edits=True),
    "fake without edits": _faked(edits=False),
    "webhook": _webhook,
    "pagerduty": _pagerduty(bridge=True),
    "pagerduty by notes": _pagerduty(bridge=False),
    "opsgenie": _opsgenie,
    "slack": _posted(
        chats.Slack,
        lambda url: SlackPoster(f"{url}/api", secret(TOKEN), "C07INCCHECK", posting()),
        doubles=True,
    ),
    "slack-webhook": _posted(
        chats.SlackHook,
        lambda url: HookPoster(SLACK_WEBHOOK, secret(f"{url}/services/hunter2"), posting()),
        doubles=True,
    ),
    "mattermost": _posted(
        Chat,
        lambda url: HookPoster(MATTERMOST, secret(f"{url}/hooks/hunter2"), posting()),
        doubles=True,
    ),
    "teams": _posted(
        chats.Teams,
        lambda url: HookPoster(TEAMS, secret(f"{url}/run?sig=hunter2"), posting()),
        doubles=True,
    ),
    "matrix": _posted(
        chats.Matrix,
        lambda url: MatrixPoster(url, secret(TOKEN), "!abc:m.example", posting()),
        doubles=False,
    ),
    "email": _email,
}

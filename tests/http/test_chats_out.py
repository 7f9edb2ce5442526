"""Slack, Mattermost, Teams and Matrix: what is laid out and escaped, what each answer means."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.adapters.delivery import matrix, mattermost, slack_layout, teams
from orchestrator.adapters.delivery.hook import Hook, HookPoster
from orchestrator.adapters.delivery.matrix import MatrixPoster
from orchestrator.adapters.delivery.mattermost import MATTERMOST
from orchestrator.adapters.delivery.slack import SLACK_WEBHOOK, SlackPoster
from orchestrator.adapters.delivery.teams import TEAMS
from orchestrator.adapters.delivery.telling import Poster
from orchestrator.domain.wording import Message, message_of
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from tests.contract.messenger_stands import CLOSED, LINK, OPEN, PAGE, WAITING, posting, secret
from tests.fakes import chats
from tests.fakes.chats import TOKEN, Chat, Mishap, Reply, serving

HOSTILE = [
    "<!here> <!channel> <@U024BE7LH> <https://evil.example|Join>",
    "@here @channel @all @everyone @room @anna",
    "](https://evil.example) [Join](https://evil.example) ![x](https://evil.example/p.png)",
    "<script>alert(1)</script><a href='https://evil.example'>x</a><img src=x onerror=alert(1)>",
    "*bold* _it_ ~no~ `code` # head\n- list\n1. one\n> quote\n| a | b |",
    "&lt;!here&gt; &amp; &#60;b&#62;",
    "{{DATE(2017-02-14T06:08:00Z, SHORT)}} ${x} :fire: $x^2$",
    '\\" } ] , {"type":"actions"} \x00\x1b[31m',
    "\u202egnp.exe half \ud800",
    "x" * 5_000,
    "&" * 5_000,
]


def hostile(title: str) -> Message:
    """A message of which every text from outside is this."""
    page = replace(PAGE, title=title, service=title, team=title, source="x", number=title)
    return message_of(replace(OPEN, title=title, page=replace(page, url=title), note=title))


def texts(value: Any) -> list[str]:
    """Every text in a body."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in parts for text in texts(part)]


# --- what a title may do: nothing -------------------------------------------------------------


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: ascii(title[:20]))
def test_slack_finds_no_markup_in_a_title(title: str) -> None:
    """The only angle brackets are those of our own links; no text becomes a link by itself."""
    body = slack_layout.body(hostile(title))
    for text in texts(body):
        assert set(re.findall("<[^>]*>", text)) <= {f"<{LINK}|Join the room>"}
        assert re.search("&(?!amp;|lt;|gt;)", text) is None
    assert body["parse"] == "none"
    assert body["link_names"] is False
    marked = [one for one in _walk(body["blocks"]) if one.get("type") == "mrkdwn"]
    assert marked
    assert all(one["verbatim"] is True for one in marked)


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: ascii(title[:20]))
def test_slacks_limits_hold(title: str) -> None:
    """After escaping, which makes five characters of one; and half an entity is none."""
    body = slack_layout.body(hostile(title))
    blocks = body["blocks"]
    assert len(blocks) <= 50
    assert len(json.dumps(blocks)) < 10_000
    assert len(body["text"]) < 40_000
    for block in blocks:
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        elif block["type"] == "section" and "text" in block:
            assert len(block["text"]["text"]) <= 3_000
        elif block["type"] == "section":
            assert len(block["fields"]) <= 10
            assert all(len(one["text"]) <= 2_000 for one in block["fields"])
        elif block["type"] == "context":
            assert len(block["elements"]) <= 10


def test_half_an_entity_is_not_left() -> None:
    """Where a text is cut after it was escaped."""
    message = replace(message_of(OPEN), title="<" * 2_000)
    text = slack_layout.blocks(message)[1]["text"]["text"]
    assert len(text) <= 3_000
    assert re.fullmatch("(&lt;)+…", text)
    plain = replace(message_of(OPEN), title="ab" * 2_000)
    assert len(slack_layout.blocks(plain)[1]["text"]["text"]) == 3_000


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: ascii(title[:20]))
def test_mattermost_finds_neither_markdown_nor_anybody(title: str) -> None:
    """Every mark is escaped, and no at sign stands before a name."""
    body = mattermost.body(hostile(title))
    card = body["attachments"][0]
    ours = ("**The room is open:** ", f"[Join the room]({LINK})")
    for text in [body["text"], card["text"], *(field["value"] for field in card["fields"])]:
        rest = text
        for own in ours:
            rest = rest.replace(own, "")
        assert re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]()#!~<>|:]", rest) is None, rest
        assert re.search(r"@\w", rest) is None
    assert len(json.dumps(body)) < 16_383


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: ascii(title[:20]))
def test_teams_finds_neither_markdown_nor_anything_to_work_out(title: str) -> None:
    """In none of a card's texts."""
    body = teams.body(hostile(title))
    card = body["attachments"][0]["content"]
    for text in texts(card["body"]):
        assert re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]()#!~<>]", text) is None, text
        assert "{{" not in text
    assert {action["url"] for action in card["actions"]} == {LINK}
    assert len(json.dumps(body)) < 28_000


def test_a_number_begins_no_list_in_teams() -> None:
    """Nor a line a heading."""
    assert teams.escape("1. one") == "1\\. one"
    assert teams.escape("2) two") == "2\\) two"


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: ascii(title[:20]))
def test_matrix_finds_no_html_and_wakes_nobody(title: str) -> None:
    """The only tags are our own; who is mentioned is said, nobody."""
    content = matrix.content(hostile(title))
    tags = set(re.findall("<[^>]*>", content["formatted_body"]))
    assert tags == {"<strong>", "</strong>", "<br>", f'<a href="{LINK}">', "</a>"}
    assert content["m.mentions"] == {}
    new = matrix.replacement(hostile(title), "$event")
    assert new["m.mentions"] == new["m.new_content"]["m.mentions"] == {}
    assert len(json.dumps(new)) < 60_000  # an event has at most 64 KiB


def _walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [one for part in value for one in _walk(part)]
    if isinstance(value, dict):
        return [value, *(one for part in value.values() for one in _walk(part))]
    return []


# --- how it looks -------------------------------------------------------------------------------


def test_how_slack_looks() -> None:
    """Read as people would see it."""
    told = replace(OPEN, host_link=Secret("https://host"), note="It was quick.")
    blocks = slack_layout.blocks(message_of(told))
    assert [block["type"] for block in blocks] == [
        "header", "section", "section", "actions", "context",
    ]  # fmt: skip
    assert blocks[0]["text"]["text"] == "The room is open"
    assert blocks[1]["text"]["text"] == "Checkout error rate above 14 % in eu1"
    assert blocks[2]["fields"][0]["text"] == "*Severity*\ncritical"
    buttons = [(one["text"]["text"], one["url"]) for one in blocks[3]["elements"]]
    assert buttons == [("Join the room", LINK), ("Open the page", PAGE.url), (
        "Join as the host", "https://host",
    )]  # fmt: skip
    assert blocks[3]["elements"][0]["style"] == "primary"
    assert blocks[4]["elements"][0]["text"] == "It was quick."
    text = slack_layout.text(message_of(told))
    assert text.splitlines()[0] == "The room is open: Checkout error rate above 14 % in eu1"
    assert "<https://host|Join as the host>" in text


def test_a_message_with_nothing_but_a_title() -> None:
    """An alert has no doors; a block without elements would be refused by Slack."""
    bare = Message("id", 1, "brake", "Over", "All is well")
    assert [block["type"] for block in slack_layout.blocks(bare)] == ["header", "section"]
    assert teams.body(bare)["attachments"][0]["content"]["actions"] == []
    assert mattermost.body(bare)["attachments"][0]["fields"] == []
    assert matrix.content(bare)["body"] == "Over: All is well"
    assert "style" not in json.dumps(slack_layout.blocks(message_of(CLOSED)))


def test_how_mattermost_looks() -> None:
    """And its colours: bad, well, over."""
    told = replace(OPEN, host_link=Secret("https://host"))
    body = mattermost.body(message_of(told))
    assert body["text"].startswith("**The room is open:** Checkout error rate above 14 % in eu1")
    assert "[Join as the host](https://host)" in body["attachments"][0]["text"]
    colours = {
        mattermost.body(message_of(one))["attachments"][0]["color"]
        for one in (OPEN, CLOSED, replace(OPEN, page=None))
    }
    assert len(colours) == 3


def test_how_teams_looks() -> None:
    """A card in a list, as a workflow needs it."""
    body = teams.body(message_of(replace(OPEN, host_link=Secret("https://host"))))
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["version"] == "1.4"
    assert [part["type"] for part in card["body"]] == ["TextBlock", "TextBlock", "FactSet"]
    assert [one["title"] for one in card["actions"]] == [
        "Join the room", "Open the page", "Join as the host",
    ]  # fmt: skip


async def wait_of(poster: Poster) -> float | None:
    """The seconds to wait before what failed for now is tried again; None: nobody says."""
    with pytest.raises(DeliveryFault) as caught:
        await poster.post(message_of(OPEN), 1)
    assert type(caught.value) is DeliveryFault
    return caught.value.retry_after


# --- Slack's API --------------------------------------------------------------------------------


@pytest.fixture
async def slack() -> AsyncIterator[chats.Slack]:
    service = chats.Slack()
    async with serving(service):
        yield service


@pytest.fixture
async def app(slack: chats.Slack) -> AsyncIterator[SlackPoster]:
    poster = SlackPoster(f"{slack.url}/api", secret(TOKEN), "C07INCCHECK", posting())
    yield poster
    await poster.close()


async def test_slack_posts_and_updates_one_message(slack: chats.Slack, app: SlackPoster) -> None:
    """Found again by channel and ts."""
    handle = await app.post(message_of(WAITING), 1)
    assert handle == "C07INCCHECK 1795363122.000001"
    assert await app.amend(message_of(OPEN), handle, 1) == handle
    assert [asked.path for asked in slack.asked] == ["/api/chat.postMessage", "/api/chat.update"]
    assert len(slack.posts) == 1
    assert slack.posts[0]["blocks"][0]["text"]["text"] == "The room is open"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("channel_not_found", "invite the app to it"),
        ("not_in_channel", "invite the app"),
        ("is_archived", "archived"),
        ("invalid_auth", "check the token"),
        ("missing_scope", "chat:write"),
        ("some_new_error", "see Slack's list"),
        ("message_not_found", "deleted"),
    ],
)
async def test_slacks_refusals_say_what_to_mend(
    slack: chats.Slack, app: SlackPoster, error: str, told: str
) -> None:
    """Although the status is 200."""
    slack.reply = lambda _: Reply(200, {"ok": False, "error": error})
    for call in (
        app.post(message_of(OPEN), 1),
        app.amend(message_of(OPEN), "C1 1.2", 1),
        app.check(),
    ):
        with pytest.raises(DeliveryRefusedError) as caught:
            await call
        assert error in str(caught.value)
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}), 30.0),
        (Reply(200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}), 30.0),
        (Reply(200, {"ok": False, "error": "rate_limited"}), 1.0),
        (Reply(200, {"ok": False, "error": "internal_error"}), 1.0),
        (Reply(200, {"ok": False, "error": "service_unavailable"}), 1.0),
        (Reply(503, b"hunter2"), None),
    ],
)
async def test_slacks_weather_is_tried_again(
    slack: chats.Slack, app: SlackPoster, reply: Reply, wait: float | None
) -> None:
    """No sooner than a second where it says nothing: more than one a second is too much."""
    slack.reply = lambda _: reply
    assert await wait_of(app) == wait


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"ok": False, "error": "fatal_error"}),
        Reply(200, b"<html>hunter2"),
        Reply(200, {"ok": True}),
        Reply(200, {"ok": True, "channel": "C1", "ts": "hunter2"}),
        Reply(200, {"ok": False, "error": "hunter2 is wrong"}),
    ],
)
async def test_what_slack_may_have_taken_is_told_apart(
    slack: chats.Slack, app: SlackPoster, reply: Reply
) -> None:
    """It may have partly succeeded, or was not Slack."""
    slack.reply = lambda _: reply
    with pytest.raises(DeliveryUnansweredError) as caught:
        await app.post(message_of(OPEN), 1)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "error", ["invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"]
)
async def test_what_slack_cannot_lay_out_goes_as_plain_text(
    slack: chats.Slack, app: SlackPoster, error: str
) -> None:
    """The link must get through; with an update the blocks of before are taken away."""
    slack.reply = lambda asked: (
        Reply(200, {"ok": False, "error": error}) if asked.json.get("blocks") else None
    )
    handle = await app.post(message_of(WAITING), 1)
    assert LINK in slack.posts[0]["text"]
    await app.amend(message_of(OPEN), handle, 1)
    assert slack.posts[0]["blocks"] == []
    assert "The room is open" in slack.posts[0]["text"]
    slack.reply = lambda _: Reply(200, {"ok": False, "error": error})
    with pytest.raises(DeliveryRefusedError, match=error):
        await app.post(message_of(WAITING), 1)
    assert len(slack.asked) == 6


@pytest.mark.parametrize("error", ["edit_window_closed", "cant_update_message"])
async def test_what_may_not_be_edited_is_answered_below(
    slack: chats.Slack, app: SlackPoster, error: str
) -> None:
    """In the thread of the first message."""
    handle = await app.post(message_of(OPEN), 1)
    slack.reply = lambda asked: (
        Reply(200, {"ok": False, "error": error}) if asked.path.endswith("update") else None
    )
    assert await app.amend(message_of(CLOSED), handle, 1) == handle
    assert slack.posts[1]["thread_ts"] == "1795363122.000001"
    assert slack.posts[1]["channel"] == "C07INCCHECK"


async def test_a_look_at_slack_tells_whose_token_it_is(
    slack: chats.Slack, app: SlackPoster
) -> None:
    """And posts nothing; a name from outside shows nothing strange."""
    assert await app.check() == "the token is one of Nordlicht; the channel is seen with the first"
    slack.reply = lambda _: Reply(200, {"ok": True, "team": "\x1b[31m<>"})
    assert "\x1b" not in await app.check()
    assert {asked.path for asked in slack.asked} == {"/api/auth.test"}


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({}, True),
        ({"X-OAuth-Scopes": "chat:write,im:read"}, True),
        ({"x-oauth-scopes": "im:read, chat:write"}, True),
        ({"X-OAuth-Scopes": "im:read,chat:write.public"}, False),
        ({"X-OAuth-Scopes": ""}, False),
    ],
)
async def test_a_look_at_slack_finds_a_token_that_may_not_post(
    slack: chats.Slack, app: SlackPoster, headers: dict[str, str], may: bool
) -> None:
    """Where Slack says which scopes it has."""
    slack.reply = lambda _: Reply(200, {"ok": True}, headers)
    if may:
        assert "the token is one of a workspace" in await app.check()
    else:
        with pytest.raises(DeliveryRefusedError, match="give the app the scope chat:write"):
            await app.check()


# --- incoming webhooks --------------------------------------------------------------------------


@pytest.fixture
async def hook() -> AsyncIterator[Chat]:
    service = Chat()
    async with serving(service):
        yield service


@pytest.mark.parametrize(
    ("reply", "refused", "told"),
    [
        (Reply(404, b"no_service"), True, "no_service"),
        (Reply(410, b"channel_is_archived"), True, "channel_is_archived"),
        (Reply(403, b"action_prohibited"), True, "action_prohibited"),
        (Reply(404, b"hunter2 <html>"), True, "make another incoming webhook"),
        (Reply(500, b"rollup_error"), False, "rollup_error"),
        (Reply(400, b"rate_limited"), False, "rate_limited"),
        (Reply(429, b"", {"Retry-After": "4"}), False, "429"),
    ],
)
async def test_slacks_webhook_answers_in_plain_text(
    hook: Chat, reply: Reply, refused: bool, told: str
) -> None:
    """A known word is shown, anything else is not."""
    hook.reply = lambda _: reply
    poster = HookPoster(SLACK_WEBHOOK, secret(f"{hook.url}/services/hunter2"), posting())
    with pytest.raises(DeliveryFault) as caught:
        await poster.post(message_of(OPEN), 1)
    await poster.close()
    assert isinstance(caught.value, DeliveryRefusedError) == refused
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("error", ["invalid_blocks", "invalid_payload"])
async def test_slacks_webhook_takes_plain_text_where_it_takes_no_blocks(
    hook: Chat, error: str
) -> None:
    """The link must get through."""
    hook.reply = lambda asked: Reply(400, error.encode()) if asked.json["blocks"] else None
    poster = HookPoster(SLACK_WEBHOOK, secret(f"{hook.url}/services/hunter2"), posting())
    await poster.post(message_of(OPEN), 1)
    await poster.close()
    assert LINK in hook.posts[0]["text"]
    assert len(hook.asked) == 2


@pytest.mark.parametrize("of", [SLACK_WEBHOOK, MATTERMOST, TEAMS])
async def test_an_address_that_is_a_secret_is_read_each_time(hook: Chat, of: Hook) -> None:
    """A file that was replaced counts at once; nothing of it is told."""
    addresses = [f"{hook.url}/one?sig=a%2Bb", f"{hook.url}/two", "no address: hunter2"]
    poster: Poster = HookPoster(of, lambda: Secret(addresses.pop(0)), posting())
    await poster.post(message_of(OPEN), 1)
    await poster.amend(message_of(CLOSED), "", 1)
    assert [asked.path for asked in hook.asked] == ["/one", "/two"]
    assert hook.asked[0].query == {"sig": "a+b"}
    with pytest.raises(DeliveryRefusedError) as caught:
        await poster.check()
    assert "hunter2" not in str(caught.value)
    await poster.close()


@pytest.mark.parametrize("of", [MATTERMOST, TEAMS])
@pytest.mark.parametrize(
    ("status", "refused"), [(400, True), (401, True), (429, False), (502, False)]
)
async def test_refusals_of_webhooks(hook: Chat, of: Hook, status: int, refused: bool) -> None:
    """By their status."""
    hook.reply = lambda _: Reply(status, b"hunter2")
    poster: Poster = HookPoster(of, secret(hook.url), posting())
    with pytest.raises(DeliveryFault) as caught:
        await poster.post(message_of(OPEN), 1)
    await poster.close()
    assert isinstance(caught.value, DeliveryRefusedError) == refused
    assert "hunter2" not in str(caught.value)


# --- Matrix -------------------------------------------------------------------------------------


@pytest.fixture
async def homeserver() -> AsyncIterator[chats.Matrix]:
    service = chats.Matrix()
    async with serving(service):
        yield service


@pytest.fixture
async def account(homeserver: chats.Matrix) -> AsyncIterator[MatrixPoster]:
    poster = MatrixPoster(homeserver.url, secret(TOKEN), "!abc:m.example", posting())
    yield poster
    await poster.close()


async def test_matrix_edits_by_replacement(homeserver: chats.Matrix, account: MatrixPoster) -> None:
    """With a transaction for each state, so that nothing is ever doubled."""
    handle = await account.post(message_of(WAITING), 1)
    for attempt in (1, 2):
        assert await account.amend(message_of(OPEN), handle, attempt) == handle
    assert list(homeserver.transactions) == ["a1b2c3d4-1", "a1b2c3d4-1-2"]
    assert homeserver.events[handle]["body"].startswith("The room is open: ")
    edit = homeserver.asked[-1].json
    assert edit["body"].startswith("* The room is open: ")


async def test_matrix_shows_the_newest_after_a_lost_answer(
    homeserver: chats.Matrix, account: MatrixPoster
) -> None:
    """The first transaction brings back what it said then; it is replaced at once."""
    homeserver.mishap = Mishap.LOST
    with pytest.raises(DeliveryUnansweredError):
        await account.post(message_of(WAITING), 1)
    homeserver.mishap = None
    handle = await account.post(message_of(OPEN), 2)
    assert len(homeserver.events) == 1
    assert homeserver.events[handle]["body"].startswith("The room is open: ")


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}), 2.5),
        (
            Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}, {"Retry-After": "3"}),
            3.0,
        ),
        (Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": "soon"}), None),
        (Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": True}), None),
        (Reply(500, {"errcode": "M_UNKNOWN"}), None),
        (Reply(502, b"hunter2"), None),
    ],
)
async def test_matrix_weather(
    homeserver: chats.Matrix, account: MatrixPoster, reply: Reply, wait: float | None
) -> None:
    """The header first; older servers say it in the body."""
    homeserver.reply = lambda _: reply
    assert await wait_of(account) == wait


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(403, {"errcode": "M_FORBIDDEN"}), "let it join"),
        (Reply(401, {"errcode": "M_UNKNOWN_TOKEN"}), "check the token"),
        (Reply(404, {"errcode": "M_NOT_FOUND"}), "check the room's id"),
        (Reply(400, {"errcode": "hunter2"}), "check the url"),
        (Reply(404, b"hunter2"), "check the url"),
    ],
)
async def test_matrix_refusals(
    homeserver: chats.Matrix, account: MatrixPoster, reply: Reply, told: str
) -> None:
    """With what to mend."""
    homeserver.reply = lambda _: reply
    with pytest.raises(DeliveryRefusedError) as caught:
        await account.post(message_of(OPEN), 1)
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", [{}, {"event_id": 7}, b"<html>"])
async def test_what_is_no_homeserver_is_told_apart(
    homeserver: chats.Matrix, account: MatrixPoster, value: Any
) -> None:
    """200 alone is nothing."""
    homeserver.reply = lambda _: Reply(200, value)
    with pytest.raises(DeliveryUnansweredError, match="check the url"):
        await account.post(message_of(OPEN), 1)


async def test_an_encrypted_room_is_refused_by_a_look(
    homeserver: chats.Matrix, account: MatrixPoster
) -> None:
    """And one that the account is not in."""
    assert "not encrypted" in await account.check()
    homeserver.encrypted = True
    with pytest.raises(DeliveryRefusedError, match="the room is encrypted"):
        await account.check()
    homeserver.encrypted, homeserver.joined = False, False
    with pytest.raises(DeliveryRefusedError, match="let it join"):
        await account.check()
    homeserver.mishap = Mishap.KEY
    with pytest.raises(DeliveryRefusedError, match="check the token"):
        await account.check()
    homeserver.mishap = None
    homeserver.joined = True
    homeserver.reply = lambda asked: Reply(403) if "joined" in asked.path else None
    with pytest.raises(DeliveryRefusedError):
        await account.check()
    assert not homeserver.events

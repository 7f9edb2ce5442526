"""Sources of pages by a config: their locks, the door they come to, and what people are told."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from orchestrator.app.build import App, StartError
from orchestrator.app.init import Choices, init
from orchestrator.app.secrets import digests, unusable
from orchestrator.app.sources import read_sources, tell_source
from orchestrator.app.web import WebDoor
from orchestrator.config import SecretFault, Settings, read_config
from orchestrator.config.sources.forms import SignatureForm, SourceForm
from orchestrator.domain.pages import Opened, Severity, Signal
from orchestrator.edges.intake.signatures import Scheme
from orchestrator.edges.intake.sources import READERS, Kind
from orchestrator.foundation.secret import Secret
from orchestrator.ports.desk import DeskError
from orchestrator.ports.intake import Outcome, Receipt
from tests.reports import desk
from tests.unit.app.test_web import EMBEDDED, settings
from tests.unit.cli.conftest import CommandLine
from tests.webhooks import sample

END = "ab" * 32
BEARER = "c" * 16
HTTP = "http: {listen: '127.0.0.1:8440', public_url: 'https://rooms.example.com'}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with secrets of every kind."""
    init(tmp_path / "made", Choices(owner="acme"), example=False)
    for name, text in {
        "end": END,
        "bearer": BEARER,
        "weak": "too short",
        "signing": "s",
        "whsec": "whsec_a2V5a2V5a2V5a2V5a2V5a2V5",
        "whsk": "whsk_AAAA",
    }.items():
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def sources(folder: Path, text: str) -> Settings:
    """The settings of a config with these sources, one a line."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return settings(folder, f"{EMBEDDED}{HTTP}sources:\n{lines}")


def test_a_source_has_what_its_config_says(folder: Path) -> None:
    """Every part of it, in the words of the edge."""
    found = read_sources(
        sources(
            folder,
            "pd: {type: pagerduty, signature: {secrets: [{file: signing}, {file: bearer}]},"
            " severities: {' Tier 0 ': critical}}\n"
            "gf: {type: grafana, signature: {secrets: [{file: signing}], header: X-A,"
            " timestamp_header: X-T, tolerance: 1m}}\n"
            "oc: {type: grafana-oncall, basic: {username: oc, passwords: [{file: bearer}]}}\n"
            "ce: {type: cloudevents, bearer: [{file: bearer}], access_token: true,"
            " events: {open: [a], close: [b], update: [c]}}\n"
            "own: {type: generic, token: [{file: end}], answer_within: 0s}\n"
            "js: {type: json, bearer: [{file: bearer}], once: false, delivery_header: X-Id,"
            " select: {key: id, open: event}}\n"
            "ro: {type: json, select: {key: id, open: event},"
            " signature: {scheme: rootly, dotted: true, secrets: [{file: signing}]}}\n"
            "gh: {type: generic, signature: {scheme: github_sha256, prefix: '',"
            " secrets: [{file: signing}]}}\n"
            "sw: {type: standard-webhooks, signature: {secrets: [{file: whsec}]}}",
        )
    )
    pd, gf, oc, ce = (found[name] for name in ("pd", "gf", "oc", "ce"))
    assert pd.lock.signature is not None
    assert pd.lock.signature.scheme is Scheme.PAGERDUTY_V3
    assert pd.lock.signature.secrets == (Secret("s"), Secret(BEARER))
    assert pd.options.severities == {"tier 0": Severity.CRITICAL}
    assert (pd.kind, pd.wait) == (Kind.PAGERDUTY, timedelta())
    assert gf.lock.signature is not None
    assert (gf.lock.signature.header, gf.lock.signature.timestamp_header) == ("x-a", "x-t")
    assert gf.lock.signature.tolerance == timedelta(minutes=1)
    assert oc.lock.basic == (Secret(f"oc:{BEARER}"),)
    assert (oc.wait, oc.is_showing, oc.is_asking) == (timedelta(seconds=2), True, False)
    assert ce.lock.in_query
    assert ce.options.events.open == {"a"}
    assert ce.options.events.close == {"b"}
    assert ce.options.events.update == {"c"}
    assert ce.is_shaking_hands
    assert (found["own"].lock.tokens, found["own"].wait) == ((Secret(END),), timedelta())
    declaration = found["js"].options.declaration
    assert (declaration.once, declaration.delivery_header) == (False, "x-id")
    assert set(declaration.select) == {"key", "open"}
    for name, dotted, prefix in (("ro", True, "sha256="), ("gh", False, "")):
        signature = found[name].lock.signature
        assert signature is not None
        assert (signature.dotted, signature.prefix) == (dotted, prefix)


def test_the_words_of_the_config_are_those_of_the_edge() -> None:
    """Every type has its reader, every scheme its check."""
    types = SourceForm.model_fields["type"].annotation
    assert set(cast("Any", types).__args__) == set(Kind) == set(READERS)
    schemes = cast("Any", SignatureForm.model_fields["scheme"].annotation).__args__[0]
    assert set(schemes.__args__) == set(Scheme)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{type: generic, bearer: [{file: weak}]}", "the token has less than 16 characters"),
        (
            "{type: generic, basic: {username: x, passwords: [{file: weak}]}}",
            "the password has less than 16",
        ),
        ("{type: goalert, token: [{file: bearer}]}", "must be 32 to 200 of A-Z, a-z"),
        (
            "{type: standard-webhooks, signature: {secrets: [{file: whsk}]}}",
            "the secret is a private key",
        ),
    ],
)
def test_a_secret_that_will_not_do_is_refused_at_the_start(
    folder: Path, source: str, why: str
) -> None:
    """With its place and how to make another; what it is is not told."""
    found = sources(folder, f"own: {source}")
    with pytest.raises(StartError, match=why) as refused:
        read_sources(found)
    assert "config.yaml:6:" in str(refused.value)
    assert "too short" not in str(refused.value)
    assert BEARER not in str(refused.value)
    assert any(why in problem for problem in unusable(found))
    (folder / "config.yaml").write_text("")


def test_a_secret_that_is_not_there_is_told(folder: Path) -> None:
    """By its place."""
    found = sources(folder, "own: {type: generic, bearer: [{file: nothing}]}")
    with pytest.raises(SecretFault, match="nothing cannot be read"):
        read_sources(found)


def test_a_reload_notices_an_exchanged_secret(folder: Path) -> None:
    """By the digest of what its file holds."""
    found = sources(folder, "own: {type: generic, bearer: [{file: bearer}]}")
    before = digests(found)
    (folder / "bearer").write_text("d" * 16)
    assert digests(found) != before


def test_sources_at_a_port_that_changes_are_warned_of(folder: Path) -> None:
    """Nobody could paste their addresses anywhere."""
    source = "sources: {own: {type: generic, bearer: [{file: bearer}]}}\n"
    for http, warned in (("", True), (HTTP, False), ("http: {listen: '127.0.0.1:1'}\n", False)):
        (folder / "config.yaml").write_text(f"{EMBEDDED}{http}{source}")
        told = [str(one) for one in read_config(folder / "config.yaml").warnings]
        assert any("another port at every start" in one for one in told) is warned
    (folder / "bearer").chmod(0o644)
    told = [str(one) for one in read_config(folder / "config.yaml").warnings]
    assert any("can be read by everybody" in one for one in told)


class _Desk:
    """Opens whatever comes."""

    def __init__(self) -> None:
        self.taken: list[Signal] = []

    async def received(self, signals: Sequence[Signal], wait: timedelta) -> Sequence[Receipt]:
        del wait
        self.taken += signals
        return [Receipt(Outcome.OPENED, link="https://l", created=True) for _ in signals]


def app(pages: object) -> App:
    """As much of the whole as the door looks at."""
    parts = SimpleNamespace(hints=None)
    engine = SimpleNamespace(parts=parts, links=None, feeds=None, chronicle=None)
    desk = SimpleNamespace(status=None, rooms=None)
    return cast("App", SimpleNamespace(engine=engine, pages=pages, desk=desk))


async def test_the_door_takes_pages_for_one_life_after_another(folder: Path) -> None:
    """With the secrets that each began with; without a desk, and between two, they come again."""
    found = sources(folder, "own: {type: generic, bearer: [{file: bearer}]}")
    config = (folder / "config.yaml").read_text().replace("127.0.0.1:8440", "127.0.0.1:0")
    found = settings(folder, config)
    async with WebDoor.opened(found, None) as door, aiohttp.ClientSession() as session:

        async def post(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            body = sample("generic-page-open")
            async with session.post(f"{door.url}/in/own", data=body, headers=headers) as answer:
                return answer.status

        assert await post(BEARER) == 503
        pages = _Desk()
        async with door.answering_with(app(pages)):
            assert await post(BEARER) == 202
            assert await post("d" * 16) == 401
        (folder / "bearer").write_text("d" * 16)
        assert await post(BEARER) == 503, "until the next life begins the old secret holds"
        door.address(found)
        async with door.answering_with(app(pages)):
            assert await post(BEARER) == 401
            assert await post("d" * 16) == 202
        async with door.answering_with(app(None)):
            assert await post("d" * 16) == 503
    assert [type(one) for one in pages.taken] == [Opened, Opened]


# --- what people are told -------------------------------------------------------------------------

TWO = (
    "pd: {type: pagerduty, signature: {secrets: [{file: signing}]}, bearer: [{file: bearer}]}\n"
    "ga: {type: goalert, token: [{file: end}]}\n"
    "am: {type: alertmanager, basic: {username: am, passwords: [{file: bearer}]}}"
)


def test_the_command_lists_sources_without_their_secrets(folder: Path) -> None:
    """Where each sends to, and how it is known."""
    sources(folder, TWO)
    ro = CommandLine(folder, desk())
    said = ro("sources", "list")
    assert said.out == (
        "pd  (pagerduty)  https://rooms.example.com/in/pd\n"
        "  known by: signature pagerduty_v3; Authorization: Bearer\n"
        "ga  (goalert)  https://rooms.example.com/in/ga/…\n"
        "  known by: the end of the address\n"
        "am  (alertmanager)  https://rooms.example.com/in/am\n"
        "  known by: Authorization: Basic, as am\n"
    )
    told = json.loads(ro("sources", "list", "--json").out)
    assert [one["name"] for one in told["sources"]] == ["pd", "ga", "am"]
    settings(folder, f"{EMBEDDED}{HTTP}")
    assert "No source is set up" in ro("sources", "list").out


def test_the_command_prints_the_address_alone(folder: Path) -> None:
    """Its secret end only on purpose; what is to be known of it goes to stderr."""
    sources(folder, TWO)
    ro = CommandLine(folder, desk())
    said = ro("sources", "show", "ga")
    assert said.out == "https://rooms.example.com/in/ga/…\n"
    assert "--reveal prints it" in said.err
    said = ro("sources", "show", "ga", "--reveal")
    assert said.out == f"https://rooms.example.com/in/ga/{END}\n"
    assert "can open rooms" in said.err
    assert END in ro("sources", "show", "ga", "--reveal", "--json").out
    assert END not in ro("sources", "show", "ga", "--json").out
    said = ro("sources", "show", "pd", "--reveal")
    assert said.out == "https://rooms.example.com/in/pd\n"
    assert said.err == "pd (pagerduty), known by: signature pagerduty_v3; Authorization: Bearer\n"


def test_what_has_no_address_is_told_with_the_way_to_one(folder: Path) -> None:
    """As a sentence, with exit code 2."""
    sources(folder, TWO)
    ro = CommandLine(folder, desk())
    said = ro("sources", "show", "nobody")
    assert (said.code, said.out) == (2, "")
    assert "there are: am, ga, pd" in said.err
    source = "sources: {ga: {type: goalert, token: [{file: weak}]}}\n"
    found = settings(folder, f"{EMBEDDED}{HTTP}{source}")
    with pytest.raises(DeskError, match="must be 32 to 200"):
        tell_source(found, "ga", reveal=True)
    assert tell_source(found, "ga", reveal=False).url.endswith("/in/ga/…")
    found = settings(folder, f"{EMBEDDED}{source}")
    with pytest.raises(DeskError, match=r"write http\.listen with a port"):
        tell_source(found, "ga", reveal=False)
    found = settings(folder, f"{EMBEDDED}http: {{listen: '[::1]:8440'}}\n{source}")
    assert tell_source(found, "ga", reveal=False).url == "http://[::1]:8440/in/ga/…"

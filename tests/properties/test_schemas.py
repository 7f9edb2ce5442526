"""Whatever the reader accepts, the schema accepts; so what it refuses, the reader refuses."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml
from hypothesis import event, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from orchestrator.adapters.audit.draft import Draft
from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.policies.reader import POLICY_MAX, PolicyReader
from orchestrator.adapters.templates import SandboxedTemplates
from orchestrator.app.schemas import Subject, schema_text
from orchestrator.config.reader import understand
from orchestrator.domain.facts import RecordedFact
from orchestrator.foundation.documents import Tree, read_yaml
from orchestrator.foundation.instants import DURATION_PATTERN, parse_duration
from orchestrator.ports.audit import Head
from tests.effort import costly
from tests.strategies import facts, moments

READER: Final = PolicyReader(SandboxedTemplates(), CronCalendar(), frozenset({"rooms-json"}))
POLICY, CONFIG, AUDIT = (
    Draft202012Validator(json.loads(schema_text(subject)))
    for subject in (Subject.POLICY, Subject.CONFIG, Subject.AUDIT)
)
DATA: Final = Path(__file__).parents[1] / "data"


def one_of(*values: Any) -> st.SearchStrategy[Tree]:
    """Spellings of one value, the first the plainest."""
    return st.sampled_from(values)


lengths: Final = one_of("90d", " 30d ", "2160h", "P40D", "p5w", "PT800H", "3888000.5s", "10m", 7)
crons: Final = one_of(
    *("0 6 * * MON-FRI", "  */15\t* * * *", "0 6 1-7/2 jan-DEC *", "0,0030 06 * * sat,Mon-tue"),
    *("0 0 1 1 *", "59 23 * 12 *", "0 6 * * *", "60 * * * *", "0 6 1 * MON", "0 6 * * */2"),
)
switches: Final = one_of(True, False, "yes", 1)
windows: Final = st.fixed_dictionaries(
    {"cron": crons, "timezone": one_of("Europe/Berlin", "UTC"), "duration": one_of("4h", "23h")}
)
FOR_EACH: Final = st.fixed_dictionaries(
    {"key": one_of("{{ item.a }}", " {{item.a}}", "{{ item }}", "a")},
    optional={
        "file": one_of("teams.yaml", "a/./b.json", "..a.csv", "x.yml/", "../x.yaml", "x.txt"),
        "items": one_of([{"a": "b"}], [], ["a", 7], [7.5], [True], [None], {"a": 1}),
        "as": one_of("item", "_", "If", "if", "7"),
        "formerly": one_of("{{ item.a }}", "x", " "),
        "min_items": one_of(0, 3, -1, 1.0, True),
    },
)
SETTINGS: Final[Mapping[str, st.SearchStrategy[Tree]]] = {
    "metadata": one_of("", "x" * 190, "x" * 191, "{{ item.a }}" + "x" * 200),
    "expire_after_use": switches,
    "join_approval_level": one_of("none", "NONE", "explicit_approval"),
    "recording_options": st.fixed_dictionaries({}, optional={"auto_record": switches}),
    "initial_join_options": st.fixed_dictionaries(
        {}, optional={"microphone_state": one_of("on", "OFF", "Default", "loud", True)}
    ),
    "ui_settings": st.fixed_dictionaries({}, optional={"language": one_of("pt-BR", "EN", "xx")}),
}
ROOM: Final = st.fixed_dictionaries(
    {
        "type": one_of("long_term", "long_term", "long_term", "instant", "Long_term"),
        "display_name": one_of("a", "x" * 201, "{{ item.a }}" + "x" * 201, "  "),
        "lifetime": lengths,
    },
    optional=SETTINGS,
)
POLICIES: Final = st.fixed_dictionaries(
    {
        "version": one_of(1, 1, 1, 1, True, 1.0, "1", 2),
        "name": one_of("a", "0-" + "a" * 61, "a" * 64, "A"),
        "for_each": FOR_EACH,
        "room": ROOM,
    },
    optional={
        "description": one_of("", "text", 7),
        "renewal": st.fixed_dictionaries({}, optional={"before": lengths, "window": windows}),
        "replace": one_of("now", "never", {"mode": "now"}, {"overlap": "0s"}, {}, ["now"], "Now"),
        "removal": one_of({"mode": "keep"}, {"grace": "PT0S"}, {}, "keep", {"mode": "Keep"}),
        "recordings": st.fixed_dictionaries(
            {},
            optional={
                "archive": one_of("vault", "none", "None", "/srv", "a" * 64),
                "keep": lengths,
                "then": one_of("delete", "Delete", "archive"),
                "grace": lengths,
            },
        ),
        "protect": switches,
        "mode": one_of("observe", "no-removals", "enforce", "Enforce"),
        "deliver": one_of([], [{"to": "rooms-json"}], [{"to": "rooms-json"}] * 2, "rooms-json"),
        "formerly": one_of("b", ["b", "c"], [], "B", 7),
        "moved": one_of([], [{"from": "x", "to": "y"}], [{"from": "p/x", "to": " y "}], [{}]),
        "on_page": one_of(
            *({}, {"sources": []}, {"sources": ["a"]}, {"sources": ["a", "a"]}),
            *({"sources": ["a"], "when": "page.title"}, {"sources": ["a"], "when": "{{ 1 }}"}),
        ),
        "keep_open": switches,
        "close": st.fixed_dictionaries({}, optional={"after": lengths, "max_age": lengths}),
        "storm": one_of({"more_than": 1, "within": "5m"}, {"more_than": 0, "within": "5m"}, {}),
        "fallback": one_of(
            *({"url": "https://a.example/b"}, {"room": "a/b"}, {"room": "a"}, {}),
            {"url": "a", "after": "1m"},
        ),
    },
)


def accepts_policy(tree: Tree) -> bool:
    """Whether the reader does; then the schema must."""
    raw = yaml.safe_dump(tree, allow_unicode=True).encode()
    if READER.parse("a.yaml", raw).policy is None:
        return False
    POLICY.validate(read_yaml("a.yaml", raw, limit=POLICY_MAX).tree)
    return True


@costly
@given(POLICIES)
def test_the_schema_refuses_no_policy_that_the_reader_takes(tree: dict[str, Tree]) -> None:
    """Each key alone beside a plain policy, and all of them together."""
    plain: dict[str, Tree] = {
        "version": 1,
        "name": "a",
        "for_each": {"items": [{"a": "b"}], "key": "{{ item.a }}"},
        "room": {"type": "long_term", "display_name": "a", "lifetime": "90d"},
    }
    assert accepts_policy(plain)
    paged = {name: value for name, value in plain.items() if name != "for_each"}
    paged |= {"on_page": {"sources": ["a"]}, "room": {"type": "instant", "display_name": "a"}}
    assert accepts_policy(paged)
    for name, value in tree.items():
        accepts_policy({**paged, name: value})
    taken = [accepts_policy(tree)]
    for name, value in tree.items():
        taken.append(accepts_policy({**plain, name: value}))
        whole = plain.get(name)
        if isinstance(value, dict) and isinstance(whole, dict):
            taken.extend(
                accepts_policy({**plain, name: {**whole, inner: told}})
                for inner, told in value.items()
            )
    event(f"{sum(taken) // 4 * 4} or more of the variations are policies")


APIS: Final[st.SearchStrategy[Mapping[str, Tree]]] = st.one_of(
    st.fixed_dictionaries(
        {"embedded": one_of(True, True, False)},
        optional={
            "listen": one_of(
                *("127.0.0.1:0", "[::1]:65535", "localhost:00080", "[fe80::1%eth0]:1"),
                *("::1:80", "a:65536", ":1", "[x]:1"),
            ),
            "public_url": one_of(
                *("https://a.example", "HTTP://a:8080/x/", "http://[::1]:1", "https://a/?"),
                *("https://u:p@a", "ftp://a", "https://a:0", "https://a/?q=1"),
            ),
            "database": one_of("a.db", "~/a.db", " "),
            "media": st.fixed_dictionaries(
                {},
                optional={
                    "type": one_of("mesh", "none", "livekit"),
                    "most": one_of(2, 16, 1, 17, "6"),
                    "stun": one_of([], ["stun:a.example:3478"], ["turn:a"], ["stuns:[::1]"], "x"),
                    "turn": one_of(
                        ["turn:a?transport=udp"], ["turns:a.example:443"], ["turn:a?x"], []
                    ),
                    "turn_secret": one_of({"file": "k"}, {}, "k"),
                    "turn_life": one_of("10m", "1d", "9m"),
                },
            )
            | st.fixed_dictionaries(
                {
                    "type": one_of("livekit", "livekit", "livekit", "mesh"),
                    "url": one_of("wss://a.example", "ws://[::1]:1/x", "https://a", "wss://a/?x"),
                    "key": one_of("meetings", "a b", "x" * 101),
                    "secret": one_of({"file": "k"}, {}),
                },
                optional={
                    "most": one_of(2, 200, 201),
                    "inside_url": one_of("http://a:1", "wss://a"),
                    "egress": one_of(
                        {"theirs": "/out", "ours": "in"}, {"theirs": "out", "ours": "in"}, {}
                    ),
                    "stun": one_of([], ["stun:a"]),
                },
            ),
            "rate": one_of(1, 0.1, 2.5, 0, "1", True),
            "concurrency": one_of(1, 256, 0, 1.5),
            "timeout": one_of("10s", "PT1M", " 5m", "1h", 10),
        },
    ),
    st.fixed_dictionaries(
        {
            "url": one_of("https://a.example/v1", "x"),
            "application_id": one_of("a", 7),
            "private_key": one_of(
                *({"file": "k"}, {"env": "K"}, {"credential": "k"}),
                *({}, {"file": "k", "env": "K"}, "k", {"vault": "k"}),
            ),
        },
        optional={"page_size": one_of(100, 99), "settle": one_of("0s", "2h"), "keys": one_of("k")},
    ),
)
SECRETS: Final = one_of(*([{"env": "X"}], [{"file": "a"}, {"credential": "b"}], [], ["x"], [{}]))
SIGNATURES: Final = st.fixed_dictionaries(
    {"secrets": SECRETS},
    optional={
        "scheme": one_of(
            *("github_sha256", "rootly", "grafana_hmac", "victorops_sha1", "pagerduty_v3"),
            *("firehydrant", "standard_webhooks", "slack_v0", "Rootly"),
        ),
        "header": one_of("X-Signature", "x signature", ""),
        "prefix": one_of("", "v1=", 7),
        "timestamp_header": one_of("X-Time", "ü"),
        "dotted": switches,
        "url": one_of("https://a.example/in/x/?y=z", "HTTP://a", "a.example", "https://[::1"),
        "tolerance": one_of("1s", "PT1H", "2h", 7),
    },
)
SELECTS: Final = st.fixed_dictionaries(
    {"key": one_of("id", "a.b[0]", " "), "open": one_of("a == 'b'", "@", "a ==")},
    optional={"close": one_of("b", "b(", "x" * 1001), "merged": one_of("m", None)},
)
SOURCES: Final = st.dictionaries(
    one_of("a", "0-x", "A"),
    st.fixed_dictionaries(
        {
            "type": one_of(
                *("generic", "json", "pagerduty", "grafana", "alertmanager", "goalert"),
                *("cloudevents", "grafana-oncall", "opsgenie", "incidentio", "standard-webhooks"),
                *("PagerDuty", 7),
            )
        },
        optional={
            "signature": SIGNATURES,
            "bearer": SECRETS,
            "token": SECRETS,
            "basic": one_of({"username": "a", "passwords": [{"env": "X"}]}, {"username": " "}),
            "access_token": switches,
            "severities": one_of({"P1": "high"}, {"P1": "High"}, {"": "low"}, {7: "low"}),
            "answer_within": one_of("0s", "3s", "4s"),
            "events": one_of({"open": ["a"]}, {"close": [" "]}, {}),
            "select": SELECTS,
            "once": switches,
            "delivery_header": one_of("X-Id", "X Id"),
        },
    ),
    max_size=2,
)
CONFIGS: Final = st.fixed_dictionaries(
    {"owner": one_of("a", "a" * 40, "a" * 41, "A"), "mode": one_of("observe"), "meetings": APIS},
    optional={
        "policies": one_of("p", " ", "~p"),
        "store": one_of("sqlite:///a", "sqlite:////a/b", "postgresql://a", "a", "sqlite:///~a"),
        "audit": one_of({"fsync": "always"}, {"signing_key": {"env": "K"}}, {"fsync": "never"}),
        "destinations": one_of({"a": {"type": "file", "path": "b"}}, {"A": {}}, {}),
        "safety": one_of({"max_removals": 0, "per": "1m"}, {"max_removal_percent": 100}, None),
        "log": one_of({"level": "debug"}, {"format": "console"}, {"level": "loud"}),
    },
)


@given(CONFIGS)
def test_the_schema_refuses_no_config_that_the_reader_takes(tree: dict[str, Tree]) -> None:
    """Each key alone beside a plain config, and all of them together."""
    plain: dict[str, Tree] = {"owner": "a", "mode": "observe", "meetings": {"embedded": True}}
    taken = 0
    for wish in (plain, tree, *({**plain, name: value} for name, value in tree.items())):
        raw = yaml.safe_dump(wish, allow_unicode=True).encode()
        if understand(Path("/srv/config.yaml"), raw).settings is not None:
            CONFIG.validate(read_yaml("config.yaml", raw, limit=len(raw)).tree)
            taken += 1
    assert taken


LAWFUL: Final[tuple[dict[str, Tree], ...]] = (
    {"type": "generic", "bearer": [{"env": "X"}]},
    {"type": "pagerduty", "bearer": [{"env": "X"}]},
    {"type": "json", "token": [{"env": "X"}], "select": {"key": "id", "open": "a"}},
    {"type": "grafana", "signature": {"secrets": [{"env": "X"}]}},
    {"type": "cloudevents", "signature": {"scheme": "rootly", "secrets": [{"env": "X"}]}},
    {"type": "goalert", "token": [{"env": "X"}]},
)


@costly
@given(SOURCES, st.sampled_from(LAWFUL))
def test_the_schema_refuses_no_source_that_the_reader_takes(
    tree: dict[str, Tree], lawful: dict[str, Tree]
) -> None:
    """All of them together, and each key of each alone in a lawful source."""
    wishes: list[dict[str, Tree]] = [{"a": lawful}, tree]
    for source in tree.values():
        if isinstance(source, dict):
            wishes += [{"a": {**lawful, key: value}} for key, value in source.items()]
            signature = source.get("signature")
            if isinstance(signature, dict) and isinstance(lawful.get("signature"), dict):
                whole = cast("dict[str, Tree]", lawful["signature"])
                wishes += [
                    {"a": {**lawful, "signature": {**whole, key: value}}}
                    for key, value in signature.items()
                ]
    taken = 0
    for wish in wishes:
        plain = {"owner": "a", "mode": "observe", "meetings": {"embedded": True}}
        raw = yaml.safe_dump({**plain, "sources": wish}, allow_unicode=True).encode()
        if understand(Path("/srv/config.yaml"), raw).settings is not None:
            CONFIG.validate(read_yaml("config.yaml", raw, limit=len(raw)).tree)
            taken += 1
    assert taken
    event(f"{min(taken, 4)} lawful or more")


@given(st.lists(st.tuples(facts, moments), max_size=4))
def test_the_schema_refuses_no_line_that_the_log_writes(told: list) -> None:
    """Whatever a fact holds."""
    draft = Draft(Head(0, "0" * 64, 998), "acme", "7f3a01bc", None)
    for seq, (fact, ts) in enumerate(told):
        draft.add(RecordedFact(seq, ts, fact))
    for line in draft.text.splitlines():
        AUDIT.validate(json.loads(line))


@given(
    st.from_regex(r"[ \t]*(?:[0-9]{1,6}(?:[.,][0-9]{1,7})?[smhd]|[pP][0-9WwDdTtHhMmSs.,]{0,9})[ ]*")
)
@example("P1DT")
@example("1.5s")
@example("PT1,5S")
def test_the_pattern_of_lengths_takes_every_length(text: str) -> None:
    """Judged by a validator, as an editor does."""
    validator = Draft202012Validator({"pattern": DURATION_PATTERN})
    try:
        parse_duration(text)
    except ValueError:
        return
    assert validator.is_valid(text)

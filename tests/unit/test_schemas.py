"""The JSON Schemas find what a schema can find, as an editor would, and never what is lawful."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator

from orchestrator.app.demo import prepare
from orchestrator.app.schemas import FOLDER, Subject, schema_text
from orchestrator.domain.facts import CATALOGUE
from orchestrator.foundation.forms import Form, Length
from orchestrator.foundation.schemas import schema_of
from tests.fakes.logbook import Logbook

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT / "tests" / "data"
CHECK: Final = Path(sys.executable).with_name("check-jsonschema")

# Why no schema finds it.  Everything else in the two folders must be found.
_SYNTAX: Final = "lawful YAML, of a kind that we do not read"
_BOUND: Final = "JSON Schema cannot compare lengths of time"
_TWO: Final = "two values must be compared"
_TEMPLATE: Final = "what stands in a template is another language"
_ELSEWHERE: Final = "another file must be read"
_CALENDAR: Final = "a calendar must be asked"
_NETWORK: Final = "whether a text names a network is arithmetic"
_SECRET: Final = "what looks like a secret is a guess"
_SELECT: Final = "JMESPath is another language"
UNSEEN: Final[Mapping[str, str]] = {
    "bad_policy/anchor": _SYNTAX,
    "bad_policy/merge-key": _SYNTAX,
    "bad_policy/utf-16": _SYNTAX,
    "bad_policy/cron-30-february": _CALENDAR,
    "bad_policy/timezone-unknown": "which zones there are differs from machine to machine",
    "bad_config/alerts-to-nobody": _ELSEWHERE,
    "bad_config/alerts-to-a-calendar": _ELSEWHERE,
    "bad_config/calendar-without-address": _ELSEWHERE,
    "bad_config/alerts-to-static-links": _ELSEWHERE,
    "bad_config/static-without-address": _ELSEWHERE,
    "bad_config/static-over-the-store": _TWO,
    "bad_config/destination-pagerduty-alerts": _ELSEWHERE,
    "bad_policy/calendar-for-each": _ELSEWHERE,
    "bad_policy/calendar-on-page": _ELSEWHERE,
    "bad_policy/destination-misspelt": _ELSEWHERE,
    "bad_policy/recordings-archive-misspelt": _ELSEWHERE,
    "bad_policy/recordings-archive-unknown": _ELSEWHERE,
    "bad_policy/recordings-keep-too-long": _BOUND,
    "bad_policy/destination-unknown": _ELSEWHERE,
    "bad_policy/link-host-in-a-file": _ELSEWHERE,
    "bad_policy/formerly-itself": _TWO,
    "bad_policy/moved-in-a-circle": _TWO,
    "bad_policy/moved-together": _TWO,
    "bad_policy/moved-twice": _TWO,
    "bad_policy/a-long-grace": _BOUND,
    "bad_policy/a-schedule-beyond-all-time": _BOUND,
    "bad_theme/a-long-grace": _BOUND,
    "bad_policy/http-every-too-short": _BOUND,
    "bad_policy/http-header-of-ours": "a long list that changes with the protocol",
    "bad_policy/http-header-twice": _TWO,
    "bad_policy/http-prefix-without-secret": _TWO,
    "bad_policy/http-secret-by-its-value": _SECRET,
    "bad_policy/http-secret-elsewhere": _ELSEWHERE,
    "bad_policy/http-secret-in-the-file": _SECRET,
    "bad_policy/http-secret-in-the-url": _SECRET,
    "bad_policy/http-secret-undefined": _ELSEWHERE,
    "bad_policy/http-secret-unencrypted": _ELSEWHERE,
    "bad_policy/http-secret-unknown": _ELSEWHERE,
    "bad_policy/http-select-grows": _SELECT,
    "bad_policy/http-select-no-jmespath": _SELECT,
    "bad_policy/http-select-too-few-values": _SELECT,
    "bad_policy/http-select-unknown-function": _SELECT,
    "bad_policy/http-select-wrong-character": _SELECT,
    "bad_policy/lifetime-too-long": _BOUND,
    "bad_policy/only-if-used-within": _BOUND,
    "bad_policy/lifetime-too-short": _BOUND,
    "bad_policy/on-page-when-field": _TEMPLATE,
    "bad_policy/renewal-half-a-year": _TWO,
    "bad_policy/renewal-too-early": _TWO,
    "bad_policy/schedule-date-of-a-name": _TEMPLATE,
    "bad_policy/schedule-every-minute": _CALENDAR,
    "bad_policy/schedule-never": _CALENDAR,
    "bad_policy/schedule-no-duration": _BOUND,
    "bad_policy/schedule-timezone-unknown": "which zones there are differs from machine to machine",
    "bad_policy/schedule-too-long": _BOUND,
    "bad_policy/schedule-too-short": _BOUND,
    "bad_policy/schedule-unknown-field": _TEMPLATE,
    "bad_policy/schedule-unknown-name": _TEMPLATE,
    "bad_policy/schedule-unrenderable": _TEMPLATE,
    "bad_policy/template-call": _TEMPLATE,
    "bad_policy/template-on-its-line": _TEMPLATE,
    "bad_policy/template-power": _TEMPLATE,
    "bad_policy/template-statement": _TEMPLATE,
    "bad_policy/template-syntax": _TEMPLATE,
    "bad_policy/template-unknown-field": _TEMPLATE,
    "bad_policy/template-unknown-filter": _TEMPLATE,
    "bad_policy/template-unknown-name": _TEMPLATE,
    "bad_policy/window-little-time-left": _CALENDAR,
    "bad_policy/window-never-open-in-time": _CALENDAR,
    "bad_policy/window-no-time-left": _CALENDAR,
    "bad_policy/window-too-short": _BOUND,
    "bad_policy/window-weekly": _CALENDAR,
    "bad_theme/favicon-not-square": _ELSEWHERE,
    "bad_theme/logo-cut-off": _ELSEWHERE,
    "bad_theme/logo-missing": _ELSEWHERE,
    "bad_theme/logo-no-png": _ELSEWHERE,
    "bad_theme/logo-nowhere": _ELSEWHERE,
    "bad_theme/logo-opaque": _ELSEWHERE,
    "bad_theme/logo-too-large": _ELSEWHERE,
    "bad_theme/logo-too-wide": _ELSEWHERE,
    "bad_theme/logo-unreadable": _ELSEWHERE,
    "bad_config/anchor": _SYNTAX,
    "bad_config/directories-bits-beyond-the-mask": _NETWORK,
    "bad_config/directories-secret-to-half-an-address": _NETWORK,
    "bad_config/directories-timeout": _BOUND,
    "bad_config/listen-anywhere": _TWO,
    "bad_config/overwrites-itself": _TWO,
    "bad_config/resync-too-rare": _BOUND,
    "bad_config/safety-per": _BOUND,
    "bad_config/source-answer-too-long": _BOUND,
    "bad_config/source-option-of-another-scheme": "the scheme is told by the type, further up",
    "bad_config/source-select-no-jmespath": _SELECT,
    "bad_config/source-tolerance": _BOUND,
    "bad_config/source-url-half-a-bracket": _NETWORK,
    "bad_config/store-is-the-database": _TWO,
    "bad_config/timeout-too-long": _BOUND,
    "bad_config/two-of-one-file": _TWO,
}


def complaints(schema: Path, files: Iterable[Path]) -> dict[Path, str]:
    """What check-jsonschema, a program of others, says of each file that it refuses."""
    done = subprocess.run(
        [CHECK, "--schemafile", schema, "--no-cache", "-o", "json", *files],
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    told = [*said.get("errors", ()), *said.get("parse_errors", ())]
    return {Path(one["filename"]): one["message"] for one in told}


@pytest.mark.parametrize("subject", list(Subject))
def test_the_shipped_schema_is_what_the_code_says(subject: Subject) -> None:
    """It is a schema, belongs to nobody's host, and is made again by `make schemas`."""
    text = schema_text(subject)
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:room-orchestrator:schema:{subject}:1"
    shipped = ROOT / FOLDER / f"{subject}.json"
    assert shipped.read_text(encoding="utf-8") == text, "run: make schemas"


@pytest.mark.parametrize("kind", ["policy", "theme", "config"])
def test_an_editor_finds_every_mistake_that_a_schema_can_find(kind: str) -> None:
    """One run over all bad files; the table above tells which it cannot find, and why."""
    files = sorted((DATA / f"bad_{kind}").glob("*.yaml"))
    found = complaints(ROOT / FOLDER / f"{kind}.json", files)
    missed = {f"bad_{kind}/{path.stem}" for path in files if path not in found}
    assert missed == {name for name in UNSEEN if name.startswith(f"bad_{kind}/")}


def test_every_example_is_lawful_and_names_its_schema(tmp_path: Path) -> None:
    """In the repository and in a demo's folder: the line leads to the schema that accepts it."""
    prepare(tmp_path / "demo")
    for root in (ROOT, tmp_path / "demo"):
        configs = list(root.glob("config*.yaml"))
        kinds = {
            "policy": [*root.glob("policies/*.yaml")],
            "theme": [*root.glob("policies/themes/*.yaml")],
            "config": configs,
        }
        for kind, files in kinds.items():
            assert files
            for path in files:
                line = path.read_text(encoding="utf-8").partition("\n")[0]
                named = line.removeprefix("# yaml-language-server: $schema=")
                assert named != line, f"{path} does not begin with its schema"
                schema = (path.parent / named).resolve()
                assert schema == (root / FOLDER / f"{kind}.json").resolve()
                assert schema.read_text(encoding="utf-8") == schema_text(Subject(kind))
            assert complaints(root / FOLDER / f"{kind}.json", files) == {}


def test_the_policies_of_the_documents_are_lawful(tmp_path: Path) -> None:
    """Whoever pastes one from docs/policies.md into an editor sees no mistake."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    policies = re.findall(r"```yaml\n(version: 1\n.*?)```", text, re.DOTALL)
    assert len(policies) >= 2
    files = [tmp_path / f"{number}.yaml" for number in range(len(policies))]
    for file, policy in zip(files, policies, strict=True):
        file.write_text(policy, encoding="utf-8")
    assert complaints(ROOT / FOLDER / "policy.json", files) == {}


def test_every_key_is_explained() -> None:
    """Whoever points at a key in an editor reads what it is for."""
    for subject in Subject:
        schema = json.loads(schema_text(subject))
        for part in (schema, *schema.get("$defs", {}).values()):
            for name, about in part["properties"].items():
                assert about.get("description"), f"{subject}: {name}"


def test_a_key_with_a_pattern_refuses_others_by_name() -> None:
    """A name that does not match is refused, not passed over."""
    schema = json.loads(schema_text(Subject.CONFIG))["properties"]["destinations"]
    assert set(schema) >= {"propertyNames", "additionalProperties"}


def test_defaults_are_written_as_people_write_them() -> None:
    """In the language of the file: no null, no ISO 8601 where 10s would do."""

    class Waiting(Form):
        """How long."""

        most: Length | None = None

    assert schema_of(Waiting, "waiting", "Waiting")["properties"] == {
        "most": {
            **json.loads(schema_text(Subject.POLICY))["$defs"]["RoomForm"]["properties"][
                "lifetime"
            ],
            "description": "a length of time: 90s, 15m, 12h, 30d, or ISO 8601 without years and "
            "months",
        }
    }
    config = json.loads(schema_text(Subject.CONFIG))
    assert config["$defs"]["MeetingsForm"]["properties"]["timeout"]["default"] == "10s"
    assert config["properties"]["store"]["default"] == "sqlite:///state/orchestrator.db"
    for text in map(schema_text, Subject):
        assert not re.search(r'"(?:default|type)": (?:null|"null")', text)


def test_every_line_that_the_log_writes_is_lawful(tmp_path: Path) -> None:
    """Past a checkpoint; with a field that no fact has, or another event's, it is not."""
    validator = Draft202012Validator(json.loads(schema_text(Subject.AUDIT)))
    logbook = Logbook(tmp_path)
    logbook.write_to(1010)
    lines = [json.loads(line) for line in logbook.lines()]
    assert {line["event"] for line in lines} > {"audit.checkpoint"}
    for line in lines:
        validator.validate(line)
    line = lines[0]
    assert line["event"] in CATALOGUE
    for broken in (
        {**line, "host_url": "https://meet.example.com/h/1"},
        {**line, "event": "room.painted"},
        {**line, "detail": {"host_url": "https://meet.example.com/h/1"}},
        {**line, "seq": "7"},
        {name: line[name] for name in line if name != "hash"},
    ):
        assert not validator.is_valid(broken)

"""The house law holds because each of its contracts fails when it is broken.

The graph of imports is built once from the real package.  Each case adds the one import that its
contract exists to refuse and asks import-linter again.  One more case goes the whole way: a copy of
the package, a line in a file, and the program that `make check` runs.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import grimp
import pytest
from grimp import ImportGraph
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

ROOT = Path(__file__).resolve().parents[2]
KINDS: dict[str, type[Contract]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
}

# contract · who imports · what must not be imported there.  A missing module is built for the case.
BREACHES = [
    # The house, one step up at a time and across.
    ("house", "cli.daemon", "__main__"),
    ("house", "app.build", "cli.daemon"),
    ("house", "engine.reconciler", "app.build"),
    ("house", "adapters.clock", "config.settings"),
    ("house", "config.settings", "logs"),
    ("house", "edges.http.server", "engine.reconciler"),
    ("house", "engine.reconciler", "adapters.clock"),
    ("house", "ports.clock", "adapters.clock"),
    ("house", "domain.rooms", "ports.clock"),
    ("house", "domain.rooms", "meetings_server.model"),
    ("house", "meetings_server.model", "domain.rooms"),
    ("house", "meetings_server.model", "engine.reconciler"),
    ("house", "foundation.instants", "domain.rooms"),
    ("house", "an_unknown_package.module", "foundation.instants"),
    # Inside the packages.
    ("acyclic", "domain.marker", "domain.rooms"),
    ("edges", "edges.intake.pagerduty", "edges.http.server"),
    ("control", "edges.control.wire", "edges.control.client"),
    ("intake", "edges.intake.pagerduty", "edges.intake.opsgenie"),
    ("intake", "edges.intake.reading", "edges.intake.groups"),
    ("intake", "edges.intake.something_new", "edges.intake.messages"),
    ("http", "edges.http.callbacks", "edges.http.health"),
    ("http", "edges.http.answers", "edges.http.server"),
    ("status-page", "edges.http.status.showing", "edges.http.status.live"),
    ("status-page", "edges.http.status.something_new", "edges.http.status.lanes"),
    ("cli", "cli.rooms", "cli.audit"),
    ("cli", "cli.view.screen", "cli.context"),
    ("view", "cli.view.status", "cli.view.plan"),
    ("cli-asks", "cli.rooms", "engine.desk"),
    ("adapters", "adapters.meetings.session", "adapters.clock"),
    ("foundation", "foundation.secret", "foundation.sqlite"),
    ("foundation", "foundation.problems", "foundation.documents.text"),
    ("foundation", "foundation.something_new", "foundation.instants"),
    ("store", "adapters.store.rows", "adapters.store.sqlite"),
    ("store", "adapters.store.queries", "adapters.store.rows"),
    ("store", "adapters.store.something_new", "adapters.store.queries"),
    ("meetings-client", "adapters.meetings.wire", "adapters.meetings.faults"),
    ("meetings-client", "adapters.meetings.readonly", "adapters.meetings.overhttp"),
    ("meetings-client", "adapters.meetings.something_new", "adapters.meetings.transport"),
    ("meter", "adapters.meter.showing", "adapters.meter.counting"),
    ("meter", "adapters.meter.something_new", "adapters.meter.catalogue"),
    ("archives", "adapters.archives.parts", "adapters.archives.folder"),
    ("archives", "adapters.archives.something_new", "adapters.archives.parts"),
    ("directories", "adapters.directories.answers", "adapters.directories.fetching"),
    ("directories", "adapters.directories.something_new", "adapters.directories.answers"),
    ("delivery", "adapters.delivery.slack", "adapters.delivery.matrix"),
    ("delivery", "adapters.delivery.posting", "adapters.delivery.telling"),
    ("delivery", "adapters.delivery.something_new", "adapters.delivery.posting"),
    ("audit", "adapters.audit.writing", "adapters.audit.verify"),
    ("audit", "adapters.audit.lines", "adapters.audit.signing"),
    ("audit", "adapters.audit.something_new", "adapters.audit.lines"),
    ("systemd", "adapters.systemd.handed", "adapters.systemd.notify"),
    ("documents", "foundation.documents.csv_reader", "foundation.documents.yaml_reader"),
    ("documents", "foundation.documents.document", "foundation.documents.json_reader"),
    ("policies", "adapters.policies.models", "adapters.policies.subjects"),
    ("policies", "adapters.policies.scanning", "adapters.policies.folder"),
    ("policies", "adapters.policies.something_new", "adapters.policies.models"),
    ("templates", "adapters.templates.sandbox", "adapters.templates.rendering"),
    ("config", "config.settings", "config.models"),
    ("config", "config.secrets", "config.settings"),
    ("config", "config.something_new", "config.settings"),
    ("config-sources", "config.sources.forms", "config.sources.settings"),
    ("meetings-server", "meetings_server.model.rooms", "meetings_server.storage.rooms"),
    ("meetings-server", "meetings_server.http.api", "meetings_server.storage.rooms"),
    ("meetings-server", "meetings_server.service.meetings", "meetings_server.http.wire"),
    ("meetings-server", "meetings_server.http.api", "meetings_server.hostile.layer"),
    ("meetings-server", "meetings_server.lobby.lobby", "meetings_server.http.wire"),
    ("meetings-server", "meetings_server.lobby.lobby", "meetings_server.media.mesh"),
    ("meetings-server", "meetings_server.media.mesh", "meetings_server.http.wire"),
    ("meetings-server", "meetings_server.service.meetings", "meetings_server.lobby.lobby"),
    ("meetings-server", "meetings_server.something_new", "meetings_server.settings"),
    ("media", "meetings_server.media.turn", "meetings_server.media.mesh"),
    ("media", "meetings_server.media.mesh", "meetings_server.media.livekit.calls"),
    ("media", "meetings_server.media.something_new", "meetings_server.media.turn"),
    ("livekit", "meetings_server.media.livekit.calls", "meetings_server.media.livekit.watch"),
    ("livekit", "meetings_server.media.livekit.tokens", "meetings_server.media.livekit.notices"),
    ("livekit", "meetings_server.media.livekit.something_new", "meetings_server.settings"),
    ("hostile", "meetings_server.hostile.history", "meetings_server.hostile.answers"),
    ("hostile", "meetings_server.hostile.listings", "meetings_server.hostile.layer"),
    ("hostile", "meetings_server.hostile.something_new", "meetings_server.hostile.faults"),
    # What may not be touched at all.
    ("pure-domain", "domain.rooms", "asyncio"),
    ("pure-domain", "domain.rooms", "time"),
    ("pure-domain", "domain.rooms", "logging"),
    ("pure-domain", "domain.rooms", "foundation.sqlite.lock"),
    ("silent-ports", "ports.clock", "time"),
    ("engine-opens-nothing", "engine.reconciler", "os"),
    ("one-logger", "engine.reconciler", "logging"),
    # One vendor, one place.
    ("vendor-aiohttp", "engine.reconciler", "aiohttp"),
    ("vendor-apscheduler", "engine.reconciler", "apscheduler"),
    ("vendor-cryptography", "engine.reconciler", "cryptography"),
    ("vendor-icalendar", "engine.reconciler", "icalendar"),
    ("vendor-jinja2", "engine.reconciler", "jinja2"),
    ("vendor-jmespath", "engine.polling", "jmespath"),
    ("vendor-jwt", "engine.reconciler", "jwt"),
    ("vendor-livekit", "meetings_server.media.mesh", "livekit"),
    ("vendor-livekit", "meetings_server.media.livekit.watch", "google"),
    ("vendor-opentelemetry", "app.insight", "opentelemetry"),
    ("vendor-prometheus", "engine.measuring", "prometheus_client"),
    ("vendor-pydantic", "ports.rooms", "pydantic"),
    ("vendor-segno", "edges.http.saying", "segno"),
    ("vendor-smtp", "adapters.delivery.telling", "aiosmtplib"),
    ("vendor-sqlite3", "adapters.policies.folder", "sqlite3"),
    ("vendor-structlog", "adapters.clock", "structlog"),
    ("vendor-tenacity", "engine.reconciler", "tenacity"),
    ("vendor-terminal", "engine.reconciler", "rich"),
    ("vendor-watchfiles", "engine.reconciler", "watchfiles"),
    ("vendor-yaml", "config.settings", "yaml"),
]

# What the domain may import besides itself and foundation: the standard library's pure part.
PURE = frozenset(
    [
        "__future__",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "itertools",
        "json",
        "math",
        "operator",
        "random",
        "re",
        "statistics",
        "string",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
        "urllib",
        "zoneinfo",
    ]
)


@pytest.fixture(scope="session")
def contracts() -> dict[str, dict[str, Any]]:
    """The contracts of pyproject.toml by their id."""
    options = read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    return {each["id"]: each for each in options}


@pytest.fixture(scope="session")
def graph() -> ImportGraph:
    """Who imports whom, in the package as it stands."""
    return grimp.build_graph("orchestrator", include_external_packages=True, cache_dir=None)


def kept(options: dict[str, Any], graph: ImportGraph) -> bool:
    """Whether import-linter finds the contract kept."""
    session = {"root_packages": ["orchestrator"], "include_external_packages": "True"}
    contract = KINDS[options["type"]](options["name"], session, options)
    return contract.check(deepcopy(graph), verbose=False).kept


def ours(name: str) -> bool:
    """Whether a name of the table stands below orchestrator/."""
    return "." in name or name in {"__main__", "logs"}


def build(graph: ImportGraph, name: str) -> str:
    """Put a module into the graph, with the packages above it, if it is not there."""
    if not ours(name):
        if name not in graph.modules:
            graph.add_module(name, is_squashed=True)
        return name
    parts = ["orchestrator", *name.split(".")]
    for end in range(2, len(parts) + 1):
        module = ".".join(parts[:end])
        if module not in graph.modules:
            graph.add_module(module)
    return ".".join(parts)


def broken(graph: ImportGraph, importer: str, imported: str) -> ImportGraph:
    """A copy of the graph with one more import in it."""
    copy = deepcopy(graph)
    copy.add_import(
        importer=build(copy, importer),
        imported=build(copy, imported),
        line_number=1,
        line_contents=f"import {imported}",
    )
    return copy


def identity(breach: Iterable[str]) -> str:
    """A breach's name in pytest's output."""
    contract, importer, imported = breach
    return f"{contract}-{importer}-imports-{imported}"


@pytest.mark.parametrize("breach", BREACHES, ids=identity)
def test_a_breach_is_caught(
    breach: tuple[str, str, str], contracts: dict[str, dict[str, Any]], graph: ImportGraph
) -> None:
    """A contract that is kept today is broken by one import of the kind that it refuses."""
    contract, importer, imported = breach
    assert kept(contracts[contract], graph), "broken before the case began: see `make check`"
    assert not kept(contracts[contract], broken(graph, importer, imported))


def test_every_contract_has_a_breach(contracts: dict[str, dict[str, Any]]) -> None:
    """A contract that nobody has ever seen fail proves nothing."""
    assert set(contracts) == {contract for contract, _, _ in BREACHES}


def test_every_dependency_has_its_place(contracts: dict[str, dict[str, Any]]) -> None:
    """What we depend on is named in a contract; tzdata alone is never imported."""
    bound = {
        module
        for name, options in contracts.items()
        if name.startswith("vendor-")
        for module in options["forbidden_modules"]
    }
    modules_of: dict[str, set[str]] = {}
    for module, packages in importlib.metadata.packages_distributions().items():
        for package in packages:
            modules_of.setdefault(package.lower().replace("_", "-"), set()).add(module)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^a-z0-9-]", each)[0] for each in project["dependencies"]} - {"tzdata"}
    assert {name for name in names if not modules_of[name] & bound} == set()


def test_the_domain_imports_only_what_is_pure(graph: ImportGraph) -> None:
    """Not a list of what is bad but of what is good: nothing new comes in unnoticed."""
    imported = {
        target
        for module in graph.find_descendants("orchestrator.domain")
        for target in graph.find_modules_directly_imported_by(module)
        if not target.startswith("orchestrator.")
    }
    assert imported - PURE == set()


def test_only_real_processes_are_waited_for_in_real_time() -> None:
    """Outside of tests/system no test lets time pass, unless its loop's time is looptime's."""
    blocking = re.compile(r"\btime\.sleep\(|from time import .*\bsleep\b")
    sleeping = re.compile(r"\basyncio\.sleep\((?!0\))|from asyncio import .*\bsleep\b")
    places = []
    for path in (ROOT / "tests").rglob("*.py"):
        if "system" in path.parts or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        virtual = "pytest.mark.looptime" in text
        if blocking.search(text) or (sleeping.search(text) and not virtual):
            places.append(path.relative_to(ROOT).as_posix())
    assert places == []


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter as `make check` does, in a folder with its own copy of the package."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_linter_itself_sees_a_line_in_a_file(tmp_path: Path) -> None:
    """An unchanged copy passes; with one import more the program fails and names it."""
    shutil.copytree(ROOT / "orchestrator", tmp_path / "orchestrator")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    clean = lint(tmp_path)
    assert clean.returncode == 0, clean.stdout
    with (tmp_path / "orchestrator" / "domain" / "keys.py").open("a", encoding="utf-8") as file:
        file.write("\nimport socket\n")
    dirty = lint(tmp_path)
    assert dirty.returncode == 1
    assert "orchestrator.domain.keys -> socket" in dirty.stdout

"""The files of deploy/: units that systemd has nothing to say about, and a config that is read."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from orchestrator.config import read_config
from tests.system.processes import ROOT

DEPLOY: Final = ROOT / "deploy"
UNITS: Final = sorted(
    path for path in (DEPLOY / "systemd").iterdir() if path.suffix in {".service", ".socket"}
)
HOSTS_UNITS: Final = Path("/usr/lib/systemd/system")
_LACKING: Final = shutil.which("systemd-analyze") is None or not HOSTS_UNITS.is_dir()
analyzed = pytest.mark.skipif(
    _LACKING and not os.environ.get("CI"), reason="systemd-analyze not found: apt install systemd"
)


def analyze(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree in which the program lies where the unit says, with the units of this machine."""
    program = tmp_path / "opt/room-orchestrator/bin/room-orchestrator"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    shutil.copytree(HOSTS_UNITS, tmp_path / "usr/lib/systemd/system", symlinks=True)
    ours = tmp_path / "etc/systemd/system"
    ours.mkdir(parents=True)
    for unit in UNITS:
        shutil.copy(unit, ours)
    return tmp_path


def verify(root: Path) -> "subprocess.CompletedProcess[str]":
    names = [unit.name for unit in UNITS]
    return analyze("verify", "--recursive-errors=yes", f"--root={root}", *names)


@analyzed
def test_verify_is_silent(root: Path) -> None:
    """Not a word about any of the units."""
    found = verify(root)
    assert (found.stdout + found.stderr, found.returncode) == ("", 0)


@analyzed
def test_verify_would_find_a_slip(root: Path) -> None:
    """A misspelt key is an error here, where it would be passed over by default."""
    unit = root / "etc/systemd/system" / "room-orchestrator.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchDogSec="))
    found = verify(root)
    assert found.returncode != 0
    assert "WatchDogSec" in found.stderr


@analyzed
def test_the_service_is_exposed_to_no_more_than_it_needs() -> None:
    """At most 1.5 of 10, as `systemd-analyze security` counts."""
    unit = DEPLOY / "systemd" / "room-orchestrator.service"
    found = analyze("security", "--offline=true", "--threshold=15", str(unit))
    assert found.returncode == 0, found.stdout[-400:]
    assert re.search(r"exposure level for room-orchestrator.service: 1\.[0-5] OK", found.stdout)


@analyzed
def test_without_its_sandbox_it_would_be_more(tmp_path: Path) -> None:
    """The count is of this unit: what is taken out of it is found missing."""
    unit = tmp_path / "room-orchestrator.service"
    text = (DEPLOY / "systemd" / "room-orchestrator.service").read_text()
    unit.write_text(re.sub(r"(?m)^(SystemCallFilter|ProtectSystem)=.*\n", "", text))
    assert analyze("security", "--offline=true", "--threshold=15", str(unit)).returncode != 0


def test_who_is_at_the_control_socket_can_be_told() -> None:
    """With a user namespace or a hidden /proc the kernel would name `nobody` as the actor."""
    text = (DEPLOY / "systemd" / "room-orchestrator.service").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert not any(line.startswith(("PrivateUsers=", "ProtectProc=")) for line in lines)


def test_the_config_for_a_system_is_read_and_fits_the_units(tmp_path: Path) -> None:
    """Nothing in it but the owner is to be filled in before it is one; all lies where units say."""
    (problem,) = read_config(DEPLOY / "config.yaml").problems
    assert "owner is still change-me" in str(problem)
    filled = tmp_path / "config.yaml"
    filled.write_text((DEPLOY / "config.yaml").read_text().replace("change-me", "acme-prod"))
    found = read_config(filled)
    assert found.problems == ()
    settings = found.settings
    assert settings is not None
    sockets = {
        unit.name: re.findall(r"(?m)^ListenStream=(.*)$", unit.read_text())
        for unit in UNITS
        if unit.suffix == ".socket"
    }
    assert sockets["room-orchestrator-control.socket"] == [str(settings.control)]
    assert settings.store.is_relative_to("/var/lib/room-orchestrator")
    assert settings.audit.file.is_relative_to("/var/log/room-orchestrator")
    service = (DEPLOY / "systemd" / "room-orchestrator.service").read_text()
    assert f"--socket {settings.control} " in service
    rotated = (DEPLOY / "logrotate" / "room-orchestrator").read_text()
    assert f"\n{settings.audit.file} {{" in rotated


def test_each_file_is_installed_by_the_readme() -> None:
    """A file that nobody is told about is not installed."""
    readme = (DEPLOY / "README.md").read_text()
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and path.name != "README.md"]
    assert [path for path in files if path.relative_to(DEPLOY).as_posix() not in readme] == []

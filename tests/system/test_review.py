"""From a merge request to rooms: the jobs of deploy/review/ as CI runs them, over a real sshd.

Where there is no sshd (at home) ssh alone is played: it runs what the key's line says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.system.installation import Installation, policy
from tests.system.processes import ROOT, free_port, leashed, until

pytestmark = pytest.mark.timeout(240)  # a dozen commands, each over ssh
REVIEW: Final = ROOT / "deploy" / "review"
_SSHD: Final = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
_EXEC: Final = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
_NAME: Final = re.compile(r"Plan <code>([0-9a-f]+)</code>")
_WHO: Final = {
    **{f"GIT_{role}_NAME": "Jonas" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "jonas@example.com" for role in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def steps(file: str) -> dict[str, str]:
    """The scripts of the GitHub jobs, by name."""
    jobs = yaml.safe_load((REVIEW / file).read_text())["jobs"]
    return {
        step["name"]: step["run"] for job in jobs.values() for step in job["steps"] if "run" in step
    }


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *words],
        env={**os.environ, **_WHO},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@dataclass(frozen=True)
class Machines:
    """CI's machine, where the merge request is, and the daemon's."""

    here: Path
    work: Path
    environ: Mapping[str, str]
    keys: Mapping[str, str]
    hosts: str

    def job(self, script: str, key: str, **environ: str) -> tuple[int, str]:
        """Run a step as GitHub does; its exit code, and all that it printed."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=self.work,
            env={**self.environ, "KEY": self.keys[key], "HOST_KEYS": self.hosts, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout


@contextmanager
def machines(here: Path, config: Path) -> Iterator[Machines]:
    """Both, with the repository between them, and sshd where there is one."""
    forced = {word: forced_command(here, word, config) for word in ("review", "apply")}
    bin_ = here / "bin"
    bin_.mkdir()
    environ = {**os.environ, **_WHO, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    if _SSHD is None:
        keys, hosts, daemon = {word: word for word in forced}, "", nullcontext()
        ssh = 'while [ "$1" != -i ]; do shift; done\nkey=$(cat "$2")\nfor last; do :; done\n'
        ssh += 'case $last in *@*) last= ;; esac\nexport SSH_ORIGINAL_COMMAND="$last"\n'
        ssh += f'exec sh "{here}/$key-forced"\n'
        (bin_ / "ssh").write_text(f"#!/bin/sh\n{ssh}")
    else:
        keys, hosts, daemon = real_ssh(here, bin_, _SSHD, forced)
    (bin_ / "ssh").chmod(0o755)
    with daemon:
        yield Machines(here, here / "work", environ, keys, hosts)


def forced_command(here: Path, word: str, config: Path) -> Path:
    """What a key may run: the script of deploy/review, as it finds the daemon's machine."""
    path = here / f"{word}-forced"
    programs = Path(sys.executable).parent
    lines = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ROOM_ORCHESTRATOR_CONFIG": str(config),
        "PLANS": str(here / "plans"),
        "CHECKOUT": str(here / "rooms"),
        **_WHO,
    }
    exports = "".join(f"export {name}='{value}'\n" for name, value in lines.items())
    path.write_text(f"{exports}exec sh {REVIEW}/{word}-policies\n")
    return path


def real_ssh(
    here: Path, bin_: Path, sshd: str, forced: Mapping[str, Path]
) -> tuple[dict[str, str], str, Any]:
    """Keys that may run one command each, a client that finds the host, and the server."""
    for name in ("host", *forced):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(here / name)]
        subprocess.run(words, check=True)
    lines = [
        f'restrict,command="sh {path}" {(here / f"{word}.pub").read_text()}'
        for word, path in forced.items()
    ]
    (here / "authorized_keys").write_text("".join(lines))
    port = free_port()
    (here / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {here}/authorized_keys\nStrictModes no\nPasswordAuthentication no\n"
    )
    (here / "ssh_config").write_text(
        f"Host rooms.example.com\nHostName 127.0.0.1\nPort {port}\nHostKeyAlias rooms.example.com\n"
    )
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    renamed = f"case $word in *@rooms.example.com) word={me}@rooms.example.com ;; esac"
    (bin_ / "ssh").write_text(
        f'#!/bin/sh\nfor word; do shift; {renamed}; set -- "$@" "$word"; done\n'
        f'exec {shutil.which("ssh")} -F {here}/ssh_config "$@"\n'
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    hosts = f"rooms.example.com {(here / 'host.pub').read_text()}"
    keys = {word: (here / word).read_text() for word in forced}

    @contextmanager
    def serving() -> Iterator[None]:
        words = ("-c", _EXEC, sshd, "-D", "-e", "-f", str(here / "sshd_config"))
        log = here / "sshd.log"
        with log.open("wb") as errors, leashed(words, stderr=errors):
            until(lambda: "listening on" in log.read_text(), "sshd listens")
            yield

    return keys, hosts, serving()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Policies in a checkout of the repository, and nothing is changed but by reviewed plans."""
    made = Installation.made(tmp_path / "x")
    made.configure("policies: policies", f"policies: {tmp_path}/rooms/policies")
    origin, work = tmp_path / "origin.git", tmp_path / "work"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(work))
    (work / "policies").mkdir()
    (work / "policies" / "teams.yaml").write_text(policy("teams", ["a", "b"]))
    merge(work)
    git(tmp_path, "clone", "--quiet", str(origin), str(tmp_path / "rooms"))
    return made


def merge(work: Path) -> None:
    """What stands in the request is in main."""
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "teams")
    git(work, "push", "--quiet", "origin", "HEAD:main")


@pytest.mark.skipif(
    shutil.which("git") is None and not os.environ.get("CI"),
    reason="git not found: apt install git",
)
def test_from_a_merge_request_to_its_rooms(installation: Installation, tmp_path: Path) -> None:
    """A comment, a merge, and exactly what the comment said; or nothing."""
    if os.environ.get("CI"):
        assert _SSHD is not None, "sshd not found: apt install openssh-server"
    job = steps("github-actions.yaml")
    teams = tmp_path / "work" / "policies" / "teams.yaml"
    with (
        installation.daemon(),
        machines(tmp_path, installation.config) as ci,
    ):
        installation.a_fact("room.created", count=2)
        installation.configure("max_removals: 1000", "max_removals: 1000\n  changes: {allow: []}")
        assert installation.ask("reload").code == 0
        before = installation.table()

        teams.write_text(policy("teams", ["a", "b"]).replace("lifetime:", "lifetme:"))
        code, told = ci.job(job["plan"], "review")
        assert (code, "lifetme" in told) == (2, True), told

        teams.write_text(policy("teams", ["a", "c"]))
        code, comment = ci.job(job["plan"], "review")
        assert code == 0, comment
        assert "### Room plan: 1 link changes or ends\n" in comment
        assert "<code>teams/b</code>" in comment
        found = _NAME.search(comment)
        assert found is not None
        assert installation.table() == before

        name = found[1]
        code, told = ci.job(job["apply"], "apply", PLAN=name)  # it was not merged yet
        assert (code, "different now" in told) == (3, True), told
        merge(ci.work)
        code, told = ci.job(job["apply"], "apply", PLAN=name)
        assert (code, f"Plan {name}: 2 done" in told) == (0, True), told
        assert [room["display_name"] for room in installation.table()] == [
            "teams a",
            "teams b",
            "teams c",
        ]
        applied = installation.a_fact("plan.applied")
        assert applied["detail"]["plan"].startswith(name)
        assert installation.a_fact("room.tombstoned")["cause"].startswith(f"plan {name} by ")

        code, told = ci.job(job["apply"], "apply", PLAN=name)
        assert (code, "2 not needed" in told) == (0, True), told
        for odd in ("../../etc/passwd; id", "0123"):
            code, told = ci.job(job["apply"], "apply", PLAN=odd)
            assert (code, "plan" in told) == (2, True), told
        # A key that reviews can do nothing else, whatever it asks for.
        code, told = ci.job(job["apply"], "review", PLAN="room-orchestrator status")
        assert code not in {0, 3}, told
        assert len(installation.facts("plan.applied")) == 1


def test_the_jobs_say_the_same_for_gitlab() -> None:
    """Its script is that of GitHub but for where keys are and how a comment is made.

    Both jobs of both log in as the user whose keys and plans the page tells of.
    """
    told: Any = yaml.safe_load((REVIEW / "gitlab-ci.yaml").read_text())
    (plan,), (apply,) = told["review"]["script"], told["apply"]["script"]
    for text in (plan, apply):
        done = subprocess.run(["sh", "-n", "-c", text], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    mine = steps("github-actions.yaml")
    for line in ("tar -c -f - policies | ssh", "case $code in 0 | 3) ;;"):
        assert line in plan
        assert line in mine["plan"]
    page = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    for text in (apply, mine["apply"]):
        assert '@rooms.example.com "$PLAN"' in text
    # One user's plans: what one job keeps is what the other finds.
    texts = (plan, apply, mine["plan"], mine["apply"], page)
    users = [re.findall(r"(\S+)@rooms\.example\.com", text) for text in texts]
    assert users == [["rooms-ci"]] * 5


def test_the_page_names_what_there_is() -> None:
    page = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    for path in REVIEW.iterdir():
        assert f"../deploy/review/{path.name})" in page

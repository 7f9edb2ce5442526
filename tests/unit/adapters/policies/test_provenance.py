"""Where a version came from, as git and the filesystem tell it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.adapters.policies.provenance import Git
from orchestrator.adapters.policies.scanning import look
from orchestrator.ports.sources import Provenance

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two policies."""
    found = tmp_path / "checkout" / "policies"
    (found / "data").mkdir(parents=True)
    (found / "a.yaml").write_text("a")
    (found / "b.yaml").write_text("b")
    return found


def git(folder: Path, *words: str) -> str:
    """Run git with an author of our own."""
    who = ("-c", "user.name=Ada Example", "-c", "user.email=ada@example.com")
    answer = subprocess.run(
        ["git", "-C", folder, *who, *words],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
    )
    return answer.stdout.strip()


def origins(folder: Path, asked: Git | None = None) -> dict[str, Provenance]:
    """What is told of the folder's policies."""
    return dict((asked or Git(folder)).origins(look(folder).policies))


def test_without_a_checkout_there_are_owner_and_time(folder: Path) -> None:
    """That is no problem and starts no program."""
    found = origins(folder)
    assert set(found) == {"a.yaml", "b.yaml"}
    assert found["a.yaml"].uid == os.getuid()
    assert found["a.yaml"].mtime.timestamp() == pytest.approx(
        (folder / "a.yaml").stat().st_mtime, abs=0.002
    )
    assert found["a.yaml"].commit == ""


@needs_git
def test_a_clean_file_has_its_own_last_commit(folder: Path) -> None:
    """Not the checkout's: the one that last changed the file."""
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", "policies/a.yaml")
    git(folder.parent, "commit", "-q", "-m", "one")
    first = git(folder.parent, "rev-parse", "HEAD")
    git(folder.parent, "add", "policies/b.yaml")
    git(folder.parent, "commit", "-q", "-m", "two")
    asked = Git(folder)
    for _ in range(2):  # the second time from what is known
        found = origins(folder, asked)
        assert (found["a.yaml"].commit, found["a.yaml"].author) == (first, "Ada Example")
        assert found["b.yaml"].commit == git(folder.parent, "rev-parse", "HEAD")


@needs_git
def test_a_changed_or_untracked_file_has_no_commit(folder: Path) -> None:
    """Nobody committed what lies there; a changed data file of the same name is another file."""
    git(folder.parent, "init", "-q")
    (folder / "data" / "b.yaml").write_text("one")
    git(folder.parent, "add", "policies/a.yaml", "policies/data/b.yaml")
    git(folder.parent, "commit", "-q", "-m", "one")
    (folder / "data" / "b.yaml").write_text("two")
    assert origins(folder)["a.yaml"].commit
    assert origins(folder)["b.yaml"].commit == ""
    (folder / "a.yaml").write_text("changed")
    assert origins(folder)["a.yaml"].commit == ""


@needs_git
def test_a_checkout_without_a_commit_or_a_broken_one_tells_nothing(folder: Path) -> None:
    """Whatever git answers, there is no problem."""
    git(folder.parent, "init", "-q")
    assert origins(folder)["a.yaml"].commit == ""
    (folder.parent / ".git" / "HEAD").write_text("broken")
    assert origins(folder)["a.yaml"].commit == ""


def test_a_git_that_fails_or_is_missing_tells_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a program, and with one that answers everything but the question."""
    (folder.parent / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert origins(folder)["a.yaml"].commit == ""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncase "$*" in *rev-parse*) echo abc;; *) exit 1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    assert origins(folder)["a.yaml"].commit == ""


def test_files_that_cannot_be_read_have_no_origin(folder: Path) -> None:
    """There is nothing to tell of them."""
    (folder / "c.yaml").symlink_to("nowhere")
    assert "c.yaml" not in origins(folder)

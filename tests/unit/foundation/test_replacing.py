"""Files that are replaced as a whole: content, mode and name are durable, links are followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.foundation.replacing import replace_file


def test_the_file_is_synced_before_its_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after it brings neither half a file nor the old one back."""
    path = tmp_path / "list.yaml"
    path.write_text("old")
    synced: list[tuple[str, str]] = []

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, path.read_text()))

    monkeypatch.setattr("os.fsync", fsync)
    replace_file(path, b"new", 0o640)
    assert synced == [("file", "old"), ("folder", "new")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["list.yaml"]


def test_a_link_is_followed_and_one_at_the_drafts_place_is_not(tmp_path: Path) -> None:
    """The file that the link leads to is replaced; what a stranger's link leads to is not."""
    real, victim = tmp_path / "real.yaml", tmp_path / "victim"
    real.write_text("old")
    victim.write_text("precious")
    link = tmp_path / "list.yaml"
    link.symlink_to(real)
    real.with_name(".real.yaml.new").symlink_to(victim)
    replace_file(link, b"new", 0o600)
    assert link.is_symlink()
    assert (real.read_text(), victim.read_text()) == ("new", "precious")


def test_what_was_there_stands_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no draft is left."""
    path = tmp_path / "list.yaml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new", 0o600)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["list.yaml"]

"""`audit verify` on the log that a daemon wrote: it passes, and names the place of any damage."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.system.installation import Installation, copied, policy

LIVE: Final = "audit.jsonl"
ROTATED: Final = ("audit.jsonl.2", "audit.jsonl.1")  # oldest first


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A log of two lives in three files, rotated while the daemon wrote, and whole."""
    installation = Installation.made(tmp_path_factory.mktemp("written"))
    with installation.daemon():
        for number, name in enumerate((*ROTATED, LIVE), 1):
            installation.put(f"p{number}.yaml", policy(f"p{number}", ["a", "b", "c"]))
            installation.a_fact("room.created", key=f"p{number}/", count=3)
            if name != LIVE:
                installation.audit.rename(installation.audit.with_name(name))
    with installation.daemon():
        pass
    return installation


@pytest.fixture
def log(written: Installation, tmp_path: Path) -> Installation:
    """A copy of it, to be spoilt."""
    return Installation(copied(written.folder, tmp_path / "copy"), written.port)


def lines_of(log: Installation, name: str = LIVE) -> list[bytes]:
    """The lines of one file, each with its newline."""
    return (log.audit.with_name(name)).read_bytes().splitlines(keepends=True)


def write(log: Installation, lines: list[bytes], name: str = LIVE) -> None:
    """Write the file anew."""
    log.audit.with_name(name).write_bytes(b"".join(lines))


def seq_of(line: bytes) -> int:
    """The number of a line's fact."""
    return int(json.loads(line)["seq"])


def verified(log: Installation) -> tuple[int, list[tuple[str, int, int | None]]]:
    """The exit code and the places that are named; for people and for programs the same."""
    said = log.ask("audit", "verify", "--json")
    places = [(one["file"], one["line"], one["seq"]) for one in said.json["findings"]]
    plain = log.ask("audit", "verify")
    assert plain.code == said.code
    for file, line, seq in places:
        number = "" if seq is None else f" (#{seq})"
        assert f"{file}:{line}{number}" in re.sub(" +", " ", plain.out)
    assert said.json["whole"] is (said.code == 0)
    return said.code, places


def test_the_log_that_was_written_passes(written: Installation) -> None:
    """All three files, to the line that the store remembers, with good signatures."""
    said = written.ask("audit", "verify", "--json")
    assert (said.code, said.json["findings"], said.json["not_checked"]) == (0, [], [])
    assert said.json["files"] == [*ROTATED, LIVE]
    facts = [line for name in (*ROTATED, LIVE) for line in lines_of(written, name)]
    assert said.json["lines"] == len(facts)
    assert said.json["last_seq"] == seq_of(facts[-1])
    assert json.loads(facts[-1])["event"] == "daemon.stopped"


def test_one_byte_changed(log: Installation) -> None:
    """In a text that is still JSON: the very line."""
    lines = lines_of(log)
    at = next(number for number, line in enumerate(lines) if b'"p3 b"' in line)
    lines[at] = lines[at].replace(b'"p3 b"', b'"p3 x"')
    write(log, lines)
    assert verified(log) == (1, [(LIVE, at + 1, None)])


@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 0.99])
def test_any_byte_changed(log: Installation, place: float) -> None:
    """Wherever it stands, in a hash or between two fields."""
    text = bytearray(log.audit.read_bytes())
    at = int(place * (len(text) - 2))
    text[at] ^= 0x01
    log.audit.write_bytes(text)
    code, places = verified(log)
    line = bytes(text[:at]).count(b"\n") + 1
    assert code == 1
    assert (LIVE, line) in {(file, number) for file, number, _ in places}


def test_one_line_removed(log: Installation) -> None:
    """The line after it, with its number."""
    lines = lines_of(log)
    del lines[5]
    write(log, lines)
    assert verified(log) == (1, [(LIVE, 6, seq_of(lines[5]))])


def test_two_lines_swapped(log: Installation) -> None:
    """The first that stands too early."""
    lines = lines_of(log)
    lines[5], lines[6] = lines[6], lines[5]
    write(log, lines)
    code, places = verified(log)
    assert code == 1
    assert places[0] == (LIVE, 6, seq_of(lines[5]))
    assert (LIVE, 7, seq_of(lines[6])) in places


def test_the_last_line_removed(log: Installation) -> None:
    """The store remembers it; the line that is the last now is named."""
    lines = lines_of(log)[:-1]
    write(log, lines)
    code, places = verified(log)
    assert (code, [(file, line) for file, line, _ in places]) == (1, [(LIVE, len(lines))])
    told = log.ask("audit", "verify").out
    assert f"#{seq_of(lines[-1])}" in told
    assert f"the store remembers #{seq_of(lines[-1]) + 1} as written" in told


def test_cut_in_mid_line(log: Installation) -> None:
    """The line that is half there, and that the store's last one is not."""
    lines = lines_of(log)
    lines[-1] = lines[-1][: len(lines[-1]) // 2]
    write(log, lines)
    code, places = verified(log)
    assert code == 1
    assert places[0] == (LIVE, len(lines), None)
    assert "the file ends in the middle of this line" in log.ask("audit", "verify").out


@pytest.mark.parametrize(
    ("missing", "after"), [(ROTATED[0], ROTATED[1]), (ROTATED[1], LIVE)], ids=["oldest", "middle"]
)
def test_a_rotated_file_missing(log: Installation, missing: str, after: str) -> None:
    """The first line of the file that came after it."""
    log.audit.with_name(missing).unlink()
    code, places = verified(log)
    assert code == 1
    assert places[0] == (after, 1, seq_of(lines_of(log, after)[0]))


def test_the_live_file_missing(log: Installation) -> None:
    """The log ends before the line that the store remembers."""
    log.audit.unlink()
    code, places = verified(log)
    last = lines_of(log, ROTATED[1])
    assert (code, [(file, line) for file, line, _ in places]) == (1, [(ROTATED[1], len(last))])


@pytest.mark.parametrize("cut", [None, -40], ids=["its last line removed", "in mid-line"])
def test_a_rotated_file_cut(log: Installation, cut: int | None) -> None:
    """The next file does not hide it."""
    lines = lines_of(log, ROTATED[1])
    lines[-1] = b"" if cut is None else lines[-1][:cut]
    write(log, lines, ROTATED[1])
    code, places = verified(log)
    assert code == 1
    first = lines_of(log)[0]
    expected = (LIVE, 1, seq_of(first)) if cut is None else (ROTATED[1], len(lines), None)
    assert places[0] == expected

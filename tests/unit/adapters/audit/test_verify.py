"""Tampering, one kind a test: each is found, and its place is named."""

import gzip
import json
import os
from pathlib import Path

import pytest

from orchestrator.adapters.audit import reading
from orchestrator.adapters.audit import verify as subject
from orchestrator.adapters.audit.lines import ORDER, read_entry
from orchestrator.adapters.audit.reading import Unreadable, log_files
from orchestrator.adapters.audit.signing import SigningKey, VerifyingKey, new_signing_key
from orchestrator.adapters.audit.verify import (
    Against,
    Anchoring,
    Finding,
    FindingKind,
    Signing,
    Verifier,
    VerifyReport,
    verify,
)
from orchestrator.domain.facts import CHECKPOINT
from orchestrator.foundation.chain import GENESIS, seal, unseal
from orchestrator.ports.audit import Head
from tests.fakes.facts import recorded, recorded_facts, renewed
from tests.fakes.logbook import Logbook

Places = list[tuple[str, str, int, int | None]]


def places(report: VerifyReport) -> Places:
    return [(one.kind.value, one.file, one.line, one.seq) for one in report.findings]


def messages(report: VerifyReport) -> list[str]:
    return [str(finding) for finding in report.findings]


def check(logbook: Logbook) -> VerifyReport:
    return verify(logbook.live, Against(logbook.head))


@pytest.fixture
def six(logbook: Logbook) -> Logbook:
    """Six lines in one file."""
    logbook.write_to(6)
    return logbook


@pytest.fixture
def rotated(logbook: Logbook) -> Logbook:
    """Four files of three facts each: .3.gz, .2, .1, live."""
    for last in (3, 6, 9):
        logbook.write_to(last)
        logbook.rotate(packed=last == 3)
    logbook.write_to(12)
    return logbook


def test_a_whole_log_says_what_it_covers(six: Logbook) -> None:
    """Nothing found, all lines read, the end is the one that the store remembers."""
    report = check(six)
    assert report.is_whole
    assert report.anchoring is Anchoring.HELD
    assert report.signing is Signing.NO_CHECKPOINT
    coverage = report.coverage
    assert (coverage.files, coverage.lines) == (("audit.jsonl",), 6)
    assert (coverage.first_seq, coverage.last_seq) == (1, 6)
    assert coverage.first_ts == recorded(1).ts
    assert coverage.last_ts == recorded(6).ts


def test_a_log_that_is_not_there_covers_nothing(logbook: Logbook) -> None:
    """No file and nothing remembered: whole, and empty."""
    report = check(logbook)
    assert report.is_whole
    assert report.coverage.files == ()
    assert report.coverage.first_ts is None


@pytest.mark.parametrize("number", range(1, 7))
def test_one_byte_changed(six: Logbook, number: int) -> None:
    """A name that was another: the line is named, and only that line."""
    lines = six.lines()
    lines[number - 1] = lines[number - 1].replace(b"Checkout", b"Checkbut")
    six.put(lines)
    assert places(check(six)) == [("altered", "audit.jsonl", number, None)]
    assert messages(check(six)) == [
        f"audit.jsonl:{number}  was altered: its hash is not that of its text"
    ]


def test_a_digit_of_a_hash_changed(six: Logbook) -> None:
    """The line itself is named; what follows names the hash that its text has."""
    lines = six.lines()
    head, digits = lines[2][:-10], lines[2][-10:]
    lines[2] = head + digits.translate(bytes.maketrans(b"0123456789abcdef", b"123456789abcdef0"))
    six.put(lines)
    assert places(check(six)) == [("altered", "audit.jsonl", 3, None)]


def test_a_line_written_anew_with_its_own_hash(six: Logbook) -> None:
    """Whoever knows how lines are made still has to break the link to the next one."""
    other = Logbook(six.folder / "other")
    other.folder.mkdir()
    other.write([*recorded_facts(2), recorded(3, renewed(3, "Another room"))])
    lines = six.lines()
    lines[2] = other.lines()[2]
    six.put(lines)
    assert places(check(six)) == [("missing", "audit.jsonl", 4, 4)]


def test_all_lines_from_one_on_written_anew(six: Logbook) -> None:
    """A forged rest is a sound chain: only the anchor knows better."""
    six.live.unlink()
    head = six.head
    forged = [recorded(seq, renewed(seq, "Another room")) for seq in range(1, 7)]
    six.write(forged)
    report = verify(six.live, Against(head))
    assert messages(report) == [
        "audit.jsonl:6  the line of #6 is not the one that the store remembers"
    ]
    assert report.anchoring is Anchoring.MISSED


@pytest.mark.parametrize("number", range(2, 6))
def test_one_line_removed(six: Logbook, number: int) -> None:
    """The place is the line that follows now; the number that is missing is told."""
    lines = six.lines()
    del lines[number - 1]
    six.put(lines)
    assert places(check(six)) == [("missing", "audit.jsonl", number, number + 1)]
    assert messages(check(six)) == [
        f"audit.jsonl:{number} (#{number + 1})  lines are missing before this one: #{number}"
    ]


def test_several_lines_removed(six: Logbook) -> None:
    """The gap is told from its first to its last number."""
    lines = six.lines()
    six.put([*lines[:1], *lines[4:]])
    assert messages(check(six)) == [
        "audit.jsonl:2 (#5)  lines are missing before this one: #2 to #4"
    ]


def test_the_first_line_removed(six: Logbook) -> None:
    """A log begins with the line that follows no other."""
    six.put(six.lines()[1:])
    assert places(check(six)) == [("beginning", "audit.jsonl", 1, 2)]


@pytest.mark.parametrize("number", range(2, 6))
def test_two_lines_swapped(six: Logbook, number: int) -> None:
    """Both places are named: where one is missing, and where it stands instead."""
    lines = six.lines()
    lines[number - 1], lines[number] = lines[number], lines[number - 1]
    six.put(lines)
    report = check(six)
    assert places(report) == [
        ("missing", "audit.jsonl", number, number + 1),
        ("misplaced", "audit.jsonl", number + 1, number),
    ]
    assert report.anchoring is Anchoring.HELD


def test_the_first_two_lines_swapped(six: Logbook) -> None:
    """Where nothing stands before, the beginning is what is wrong."""
    lines = six.lines()
    lines[0], lines[1] = lines[1], lines[0]
    six.put(lines)
    assert places(check(six)) == [
        ("beginning", "audit.jsonl", 1, 2),
        ("misplaced", "audit.jsonl", 2, 1),
    ]


def test_lines_that_stand_twice(six: Logbook) -> None:
    """A block put in once more is one finding, at its first line."""
    lines = six.lines()
    six.put([*lines[:4], *lines[1:4], *lines[4:]])
    assert places(check(six)) == [("misplaced", "audit.jsonl", 5, 2)]


@pytest.mark.parametrize("number", [1, 2, 6])
def test_the_last_lines_removed(six: Logbook, number: int) -> None:
    """A shorter log is a sound chain: the store remembers how far it went."""
    six.put(six.lines()[: 6 - number])
    report = check(six)
    assert report.anchoring is Anchoring.MISSED
    (message,) = messages(report)
    assert message == (
        "audit.jsonl:0  the log is empty, but the store remembers #6 as written"
        if number == 6
        else f"audit.jsonl:{6 - number}  the log ends here, with #{6 - number}, but the store "
        "remembers #6 as written: its end was cut off"
    )


def test_without_an_anchor_nobody_knows_of_the_end(six: Logbook) -> None:
    """The report says that it was not asked."""
    six.put(six.lines()[:-1])
    report = verify(six.live, Against())
    assert report.is_whole
    assert report.anchoring is Anchoring.NOT_ASKED


def test_a_log_that_goes_on_beyond_the_anchor_is_sound(six: Logbook) -> None:
    """The daemon wrote on after the anchor was taken."""
    head = six.head
    six.write_to(8)
    assert verify(six.live, Against(head)).is_whole


@pytest.mark.parametrize("kept", [1, 100, -1], ids=["a byte", "half", "no newline"])
def test_the_file_cut_in_mid_line(six: Logbook, kept: int) -> None:
    """The torn line is named; without its newline alone nothing else is lost."""
    lines = six.lines()
    six.put([*lines[:5], lines[5][:kept]])
    found = places(check(six))
    assert found[0] == ("torn", "audit.jsonl", 6, None)
    assert found[1:] == ([] if kept == -1 else [("end", "audit.jsonl", 6, None)])


def test_a_rotated_file_that_ends_in_mid_line(rotated: Logbook) -> None:
    """The tear is named, and what is missing where the next file begins."""
    lines = rotated.lines("audit.jsonl.2")
    rotated.put([*lines[:3], lines[3][:50]], "audit.jsonl.2")
    assert places(check(rotated)) == [
        ("torn", "audit.jsonl.2", 4, None),
        ("missing", "audit.jsonl.1", 1, 6),
    ]


def test_a_rotated_file_that_lost_its_last_newline(rotated: Logbook) -> None:
    """The next file follows the line all the same."""
    rotated.put([rotated.live.with_suffix(".jsonl.1").read_bytes()[:-1]], "audit.jsonl.1")
    assert places(check(rotated)) == [("torn", "audit.jsonl.1", 4, None)]


def test_files_are_read_in_their_order(rotated: Logbook) -> None:
    """Plain, packed and live, oldest first."""
    report = check(rotated)
    assert report.is_whole
    assert report.coverage.files == (
        "audit.jsonl.3.gz",
        "audit.jsonl.2",
        "audit.jsonl.1",
        "audit.jsonl",
    )
    assert report.coverage.lines == 15


_GONE = "lines are missing before this one"


def test_files_of_one_line_are_read_in_their_order(logbook: Logbook) -> None:
    """A checkpoint bears the number of the fact before it: the file of that fact is the older."""
    for last in range(1, 8):
        logbook.write_to(last)
        logbook.rotate()
    head = logbook.write_to(8)
    assert verify(logbook.live, Against(head)).is_whole


@pytest.mark.parametrize(
    ("gone", "found", "message"),
    [
        (
            "audit.jsonl.3.gz",
            ("beginning", "audit.jsonl.2", 1, 3),
            "the log begins here, but 3 lines stood before: they, or an older file, are missing",
        ),
        (
            "audit.jsonl.2",
            ("missing", "audit.jsonl.1", 1, 6),
            f"{_GONE} between audit.jsonl.3.gz and audit.jsonl.1: #4 to #6",
        ),
        (
            "audit.jsonl.1",
            ("missing", "audit.jsonl", 1, 9),
            f"{_GONE} between audit.jsonl.2 and audit.jsonl: #7 to #9",
        ),
    ],
    ids=["oldest", "middle", "newest"],
)
def test_a_rotated_file_missing(
    rotated: Logbook, gone: str, found: tuple[str, str, int, int], message: str
) -> None:
    """Whichever it is: the place is where the next file begins, the message tells what is gone."""
    (rotated.folder / gone).unlink()
    report = check(rotated)
    assert places(report) == [found]
    assert report.findings[0].message == message


def test_the_live_file_missing(rotated: Logbook) -> None:
    """Without it the log ends too early."""
    rotated.live.unlink()
    assert places(check(rotated)) == [("end", "audit.jsonl.1", 4, None)]


def test_old_files_may_have_been_removed_on_purpose(rotated: Logbook) -> None:
    """Said so, the log may begin anywhere; the rest is judged as ever."""
    (rotated.folder / "audit.jsonl.3.gz").unlink()
    (rotated.folder / "audit.jsonl.2").unlink()
    assert verify(rotated.live, Against(rotated.head, from_the_first=False)).is_whole
    (rotated.folder / "audit.jsonl.1").write_bytes(b"")
    assert verify(rotated.live, Against(rotated.head, from_the_first=False)).is_whole
    rotated.put(rotated.lines()[:-1])
    assert not verify(rotated.live, Against(rotated.head, from_the_first=False)).is_whole


@pytest.mark.parametrize("place", [5, 20, -5], ids=["head", "body", "checksum"])
def test_a_packed_file_that_is_damaged(rotated: Logbook, place: int) -> None:
    """What can be read of it is judged; the rest is told of."""
    path = rotated.folder / "audit.jsonl.3.gz"
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    report = check(rotated)
    if place != 5:  # the header's fields (time, system) hold nothing of the log
        assert report.findings
        assert {one.file for one in report.findings} == {"audit.jsonl.3.gz"}


def test_a_packed_file_that_is_cut(rotated: Logbook) -> None:
    """Later files are still judged."""
    path = rotated.folder / "audit.jsonl.3.gz"
    path.write_bytes(path.read_bytes()[:-40])
    lines = rotated.lines()
    rotated.put([*lines[:2], *lines[3:]])
    found = places(check(rotated))
    assert found[0][:2] == ("unreadable", "audit.jsonl.3.gz")
    assert found[-1] == ("missing", "audit.jsonl", 3, 12)


def test_a_file_that_may_not_be_read(rotated: Logbook) -> None:
    """A finding with its reason, not the end of the check."""
    (rotated.folder / "audit.jsonl.2").unlink()
    (rotated.folder / "audit.jsonl.2").mkdir()
    found = check(rotated).findings
    assert str(found[-1]) == "audit.jsonl.2:1  cannot be read from here on: Is a directory"


def test_several_faults_are_all_named(rotated: Logbook) -> None:
    """The search goes on after the first."""
    one = rotated.lines("audit.jsonl.2")
    rotated.put([one[0], b"hello\n", *one[2:]], "audit.jsonl.2")
    two = rotated.lines("audit.jsonl.1")
    two[1] = two[1].replace(b"due", b"dun")
    del two[2]
    rotated.put(two, "audit.jsonl.1")
    rotated.put(rotated.lines()[:-1])
    assert places(check(rotated)) == [
        ("damaged", "audit.jsonl.2", 2, None),
        ("altered", "audit.jsonl.1", 2, None),
        ("missing", "audit.jsonl.1", 3, 9),
        ("end", "audit.jsonl", 3, None),
    ]


def test_a_flood_of_findings_is_counted_beyond_a_thousand(logbook: Logbook) -> None:
    """The report stays readable."""
    logbook.put([b"x\n"] * (subject.MOST_FINDINGS + 5))
    report = check(logbook)
    assert (len(report.findings), report.further) == (subject.MOST_FINDINGS, 5)


def test_a_number_that_was_never_written(logbook: Logbook) -> None:
    """The chain is whole, but the daemon left a fact out: that is told as well."""
    logbook.write([recorded(1), recorded(2), recorded(5)])
    assert messages(check(logbook)) == [
        "audit.jsonl:3 (#5)  the chain is whole, but #3 was to come: facts were never written here"
    ]


def test_a_log_may_begin_with_any_number(logbook: Logbook) -> None:
    """An installation whose audit was switched on later."""
    logbook.write(recorded_facts(9, first=7))
    assert check(logbook).is_whole


@pytest.fixture
def checkpoints(signed_logbook: Logbook) -> Logbook:
    """Three files whose second and third begin with a signed checkpoint."""
    for last in (3, 6):
        signed_logbook.write_to(last)
        signed_logbook.rotate()
    signed_logbook.write_to(9)
    return signed_logbook


def public(key: SigningKey | None) -> tuple[VerifyingKey, ...]:
    assert key is not None
    return (VerifyingKey.from_pem(key.public.pem),)


def test_good_signatures_vouch_up_to_their_last(checkpoints: Logbook) -> None:
    """The report says up to which fact."""
    report = verify(checkpoints.live, Against(checkpoints.head, public(checkpoints.key)))
    assert report.is_whole
    assert (report.signing, report.signed_until) == (Signing.CHECKED, 6)


def test_signatures_without_a_public_key_are_not_checked(checkpoints: Logbook) -> None:
    """And the report says so."""
    report = check(checkpoints)
    assert report.is_whole
    assert (report.signing, report.signed_until) == (Signing.NOT_CHECKED, None)


def test_checkpoints_of_a_log_without_a_key_are_not_signed(rotated: Logbook) -> None:
    """They count lines and vouch for nothing."""
    assert check(rotated).signing is Signing.NOT_SIGNED


def forged(checkpoints: Logbook, key: SigningKey | None) -> Path:
    """The whole log written anew, as somebody who lacks our key would have to."""
    folder = checkpoints.folder / "forged"
    folder.mkdir()
    forger = Logbook(folder, key)
    for last in (3, 6):
        forger.write([recorded(seq, renewed(seq, "Forged")) for seq in range(1, last + 1)])
        forger.rotate()
    forger.write_to(9)
    return forger.live


def test_a_forged_log_is_signed_by_a_key_that_is_not_ours(checkpoints: Logbook) -> None:
    """Each of its checkpoints is named."""
    key = SigningKey.from_pem(new_signing_key())
    report = verify(forged(checkpoints, key), Against(keys=public(checkpoints.key)))
    assert places(report) == [
        ("checkpoint", "audit.jsonl.1", 1, 3),
        ("checkpoint", "audit.jsonl", 1, 6),
    ]
    assert f"is signed by the key {key.public.id}, which was not given" in messages(report)[0]
    assert report.signed_until is None


def test_a_signature_that_was_taken_from_elsewhere_is_wrong(checkpoints: Logbook) -> None:
    """A checkpoint of ours put under other lines."""
    lines = checkpoints.lines("audit.jsonl.1")
    entry, sealed = read_entry("", 1, lines[0][:-1]), unseal(lines[0][:-1])
    assert entry is not None
    assert sealed is not None
    for change in ({"signature": "A" * 86 + "=="}, {"signature": "no base64"}):
        fields = {name: value for name, value in entry.fields.items() if name in ORDER}
        fields["detail"] = {**entry.values("detail"), **change}
        again = seal(fields, ORDER, sealed.previous)
        checkpoints.put([again.text + b"\n"], "audit.jsonl.1")
        report = verify(checkpoints.live, Against(keys=public(checkpoints.key)))
        assert ("checkpoint", "audit.jsonl.1", 1, 3) in places(report)
        assert "its signature is wrong" in messages(report)[0]


def test_checkpoints_that_stop_being_signed_are_named(checkpoints: Logbook) -> None:
    """Somebody without the key wrote on."""
    checkpoints.rotate()
    checkpoints.key = None
    checkpoints.write_to(12)
    report = verify(checkpoints.live, Against(checkpoints.head))
    assert messages(report) == ["audit.jsonl:1 (#9)  is not signed, as earlier ones are"]


def test_a_key_that_was_changed_needs_both_to_check(
    checkpoints: Logbook, signing_key: SigningKey
) -> None:
    """Each checkpoint names the key that signed it."""
    new = SigningKey.from_pem(new_signing_key())
    checkpoints.rotate()
    checkpoints.key = new
    checkpoints.write_to(12)
    report = verify(checkpoints.live, Against(keys=(*public(new), *public(signing_key))))
    assert report.is_whole
    assert report.signed_until == 9


def test_a_checkpoint_that_counts_wrong_is_named(logbook: Logbook) -> None:
    """The count is what tells how much is missing."""
    wrong = logbook.writer(resume=Head(3, GENESIS, 7))
    logbook.head = wrong.append([recorded(4)], sync=True)
    wrong.close()
    assert messages(check(logbook)) == [
        "audit.jsonl:1 (#3)  counts 7 lines before it, but there are 0"
    ]


def test_a_checkpoint_that_counts_nothing_is_named(logbook: Logbook) -> None:
    """Sealed by whoever knows how, but not by us."""
    fields = {"ts": "2026-11-14T06:10:02Z", "seq": 0, "event": "audit.checkpoint"}
    logbook.put([seal(fields, ORDER, GENESIS).text + b"\n"])
    assert messages(check(logbook)) == ["audit.jsonl:1 (#0)  counts no lines"]


def test_a_log_in_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Nothing was ever written."""
    assert verify(tmp_path / "gone" / "audit.jsonl", Against()).is_whole


def test_a_file_that_vanishes_while_it_is_read_begins_again(rotated: Logbook) -> None:
    """Its end is then missing, and that is what is found."""
    vanishing = iter([rotated.live])

    def remove(*_: int) -> None:
        for path in vanishing:
            path.unlink()

    report = verify(rotated.live, Against(rotated.head), remove)
    assert places(report) == [("end", "audit.jsonl.1", 4, None)]


def test_progress_goes_from_nothing_to_all(rotated: Logbook) -> None:
    """Bytes of the files, packed ones as they lie there."""
    told: list[tuple[int, int]] = []
    verify(rotated.live, Against(), lambda done, total: told.append((done, total)))
    sizes = sum(path.stat().st_size for path in rotated.folder.iterdir())
    assert told[-1] == (sizes, sizes)
    assert told == sorted(told)


def test_a_long_log_tells_its_progress_on_the_way(logbook: Logbook) -> None:
    """More than once a file."""
    logbook.write_to(1500)
    told: list[int] = []
    verify(logbook.live, Against(), lambda done, _: told.append(done))
    assert len(told) == 3


def test_what_was_written_since_the_files_were_listed_is_not_read(six: Logbook) -> None:
    """A line that is being written is not taken for torn."""
    files = log_files(six.live)
    with six.live.open("ab") as file:
        file.write(b'{"ts":"20')
    verifier = Verifier("audit.jsonl", Against(six.head))
    for item in reading.read_log(files):
        verifier.take(item)
    assert verifier.report(("audit.jsonl",)).is_whole


def test_a_rotation_while_reading_begins_again(rotated: Logbook) -> None:
    """The files were listed, then they moved: what is read is the log as it is now."""
    rotations = iter([True])

    def rotate(*_: int) -> None:
        if next(rotations, False):
            rotated.rotate()
            rotated.write_to(15)

    report = verify(rotated.live, Against(), rotate)
    assert report.is_whole
    assert report.coverage.lines == 19


def test_a_log_that_moves_all_the_time_is_given_up(six: Logbook) -> None:
    """With the one error that says: ask again."""
    six.rotate()
    six.write_to(7)

    def rotate(*_: int) -> None:
        for path in six.folder.iterdir():
            copy = path.read_bytes()
            path.rename(path.with_suffix(".old"))
            path.write_bytes(copy)

    with pytest.raises(reading.LogMovedError):
        verify(six.live, Against(), rotate)


def test_a_finding_without_a_number_prints_its_place() -> None:
    """As compilers write it."""
    finding = Finding(FindingKind.ALTERED, "audit.jsonl", 3, None, "was altered")
    assert str(finding) == "audit.jsonl:3  was altered"


def test_an_endless_line_is_given_up(logbook: Logbook) -> None:
    """A file without newlines is not read into memory whole."""
    with logbook.live.open("wb") as file:
        os.truncate(file.fileno(), reading.LONGEST_LINE + 10)
    (finding,) = check(logbook).findings
    assert finding.kind == FindingKind.UNREADABLE
    assert "no line ends in 8,388,608 bytes" in finding.message


def test_while_a_file_is_being_packed_it_is_read_once(rotated: Logbook) -> None:
    """For a moment both are there, and the packed one is not complete."""
    plain = (rotated.folder / "audit.jsonl.2").read_bytes()
    (rotated.folder / "audit.jsonl.2.gz").write_bytes(gzip.compress(plain)[:50])
    assert check(rotated).is_whole


@pytest.mark.parametrize(
    "name",
    [
        "audit.jsonl-20261122",
        "audit.jsonl-20261122.gz",
        "audit.jsonl-2026-11-22",
        "audit.jsonl-20261122-1795370400",
        "audit-20261122.jsonl",
        "audit.1.jsonl.gz",
    ],
)
def test_rotated_files_are_known_by_their_names(logbook: Logbook, name: str) -> None:
    """Every way in which logrotate names them."""
    logbook.write_to(3)
    data = logbook.live.read_bytes()
    (logbook.folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    logbook.live.unlink()
    logbook.write_to(6)
    assert check(logbook).coverage.files == (name, "audit.jsonl")
    assert check(logbook).is_whole


@pytest.mark.parametrize(
    "name", ["audit.jsonl.bak", "audit.jsonl.swp", "other.jsonl.1", "audit.jsonl.1.tmp"]
)
def test_other_files_are_left_alone(six: Logbook, name: str) -> None:
    """What is not named as a rotated file is none."""
    (six.folder / name).write_bytes(b"something else")
    assert check(six).is_whole


def test_a_file_of_which_nothing_can_be_read_stands_where_its_name_says(
    rotated: Logbook,
) -> None:
    """What it held is unknown, and so is only what follows it."""
    for gone in ("audit.jsonl.3.gz", "audit.jsonl.2"):
        (rotated.folder / gone).write_bytes(b"\x00garbage\n")
    report = check(rotated)
    assert report.coverage.files == (
        "audit.jsonl.3.gz",
        "audit.jsonl.2",
        "audit.jsonl.1",
        "audit.jsonl",
    )
    assert places(report) == [
        ("unreadable", "audit.jsonl.3.gz", 1, None),
        ("damaged", "audit.jsonl.2", 1, None),
    ]


def test_stores_follow_each_other_by_time(logbook: Logbook) -> None:
    """Each numbers from 1; the files keep their order all the same."""
    logbook.write_to(3)
    logbook.rotate()
    later = [recorded(seq) for seq in range(1, 3)]
    moved = [type(one)(one.seq, one.ts.replace(year=2027), one.fact) for one in later]
    logbook.write(moved, store="c9d2e5f1")
    logbook.rotate()
    head = logbook.write(
        [type(one)(one.seq, one.ts.replace(year=2027), one.fact) for one in recorded_facts(4)],
        store="c9d2e5f1",
    )
    report = verify(logbook.live, Against(head))
    assert report.coverage.files == ("audit.jsonl.2", "audit.jsonl.1", "audit.jsonl")
    assert report.is_whole


def test_what_cannot_be_read_hides_nothing_after_it() -> None:
    """After a gap of unknown length any line may follow."""
    verifier = Verifier("audit.jsonl", Against())
    assert verifier.take(Unreadable("audit.jsonl.1", 7, "Input/output error")) is None
    assert messages(verifier.report(())) == [
        "audit.jsonl.1:7  cannot be read from here on: Input/output error"
    ]


def test_a_rebuilt_store_goes_on_with_the_next_number_behind_a_rotation(logbook: Logbook) -> None:
    """Its first line may be a checkpoint, which vouches for the lines of the store before it."""
    logbook.write_to(5)
    logbook.rotate()
    logbook.write(recorded_facts(9, 6), "rebuilt1")
    assert events_of(logbook)[0] == CHECKPOINT
    assert verify(logbook.live, Against()).is_whole
    # What is missing between is still found: by the chain.
    logbook.put([line for n, line in enumerate(logbook.lines()) if n != 1])
    assert not verify(logbook.live, Against()).is_whole


def events_of(logbook: Logbook) -> list[str]:
    return [json.loads(line)["event"] for line in logbook.lines()]

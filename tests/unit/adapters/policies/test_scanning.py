"""Which files of a folder count, and what becomes of those that cannot be read."""

import os
from pathlib import Path

import pytest

from orchestrator.adapters.policies.scanning import Contents, load, look
from orchestrator.foundation.problems import Problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A policies folder with one policy and one data file."""
    found = tmp_path / "policies"
    (found / "data").mkdir(parents=True)
    (found / "a.yaml").write_text("a")
    (found / "data" / "t.yaml").write_text("t")
    return found


def told(contents: Contents) -> list[str]:
    """The problems among the files."""
    files = (*contents.policies.values(), *contents.data.values())
    return [str(file) for file in files if isinstance(file, Problem)]


def test_policies_lie_in_the_folder_and_data_below_it(folder: Path) -> None:
    """Each is known by its name relative to its own folder."""
    (folder / "data" / "deep").mkdir()
    (folder / "data" / "deep" / "t.csv").write_text("c")
    (folder / "deep").mkdir()
    (folder / "deep" / "b.yaml").write_text("b")
    contents = load(folder)
    assert contents.policies == {"a.yaml": b"a"}
    assert contents.data == {"deep/t.csv": b"c", "t.yaml": b"t"}
    assert contents.listing.problem is None


def test_themes_and_their_pictures_lie_below_themes(folder: Path) -> None:
    """A change of a picture is a change of the folder; other pictures are none of ours."""
    before = load(folder)
    (folder / "themes" / "brand").mkdir(parents=True)
    (folder / "themes" / "a.yaml").write_text("a")
    (folder / "themes" / "brand" / "w.png").write_bytes(b"w")
    (folder / "themes" / "w.jpg").write_bytes(b"w")
    contents = load(folder)
    assert contents.themes == {"a.yaml": b"a", "brand/w.png": b"w"}
    assert contents.policies == before.policies
    assert contents.digest != before.digest
    (folder / "themes" / "brand" / "w.png").write_bytes(b"v")
    assert load(folder).digest != contents.digest
    (folder / "themes" / "out.png").symlink_to("/etc/hostname")
    found = load(folder).themes["out.png"]
    assert isinstance(found, Problem)
    assert "leads out" in found.message


@pytest.mark.parametrize(
    "name",
    [
        *(".a.yaml.swp", ".a.yaml", "a.yaml~", "#a.yaml#", ".#a.yaml", "4913", "a.yaml.tmp"),
        *("a.yaml.bak", "README.md", "notes.txt", "a.json"),
    ],
)
def test_what_editors_leave_is_passed_over(folder: Path, name: str) -> None:
    """Neither as a policy nor as data, and no change."""
    before = load(folder)
    (folder / name).write_text("x")
    (folder / "data" / name).write_text("x") if name != "a.json" else None
    after = load(folder)
    assert after.digest == before.digest
    assert after.listing == before.listing


def test_a_file_that_is_nearly_a_policy_is_told(folder: Path) -> None:
    """Another ending means that somebody waits for it in vain."""
    (folder / "b.yml").write_text("b")
    (folder / "C.YAML").write_text("c")
    assert told(load(folder)) == [
        "C.YAML  is not read; rename it to C.yaml",
        "b.yml  is not read; rename it to b.yaml",
    ]


def test_files_that_cannot_be_read_stay_in_the_list(folder: Path) -> None:
    """A file with a problem is not a file that is gone."""
    (folder / "dir.yaml").mkdir()
    (folder / "broken.yaml").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.yaml")
    (folder / "data" / "broken.csv").symlink_to("nowhere")
    contents = load(folder)
    assert told(contents) == [
        "broken.yaml  cannot be read: No such file or directory",
        "dir.yaml  is not a file",
        "pipe.yaml  is not a file",
        "data/broken.csv  cannot be read: No such file or directory",
    ]
    assert contents.policies["a.yaml"] == b"a"


def test_data_may_not_lead_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    """Neither a file nor a folder; links inside of it are followed, none in a circle."""
    (tmp_path / "outside.yaml").write_text("secret")
    (folder / "data" / "out.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "data" / "all").symlink_to(tmp_path)
    (folder / "data" / "inside.yaml").symlink_to("t.yaml")
    (folder / "data" / "loop").symlink_to(".")
    contents = load(folder)
    assert contents.data["inside.yaml"] == b"t"
    assert "data/out.yaml  leads out of the policies folder; put the file itself there" in told(
        contents
    )
    assert not any(raw == b"secret" for raw in contents.data.values())
    assert not any(name.startswith("loop/") for name in contents.data)


def test_a_mounted_folder_of_links_is_read_through_them(tmp_path: Path) -> None:
    """As Kubernetes mounts it: a turned link ``..data`` is another content at once."""
    folder = tmp_path / "policies"
    folder.mkdir()
    for release, text in (("..1", "one"), ("..2", "two")):
        (folder / release / "data").mkdir(parents=True)
        (folder / release / "a.yaml").write_text(text)
        (folder / release / "data" / "t.yaml").write_text(text)
    (folder / "..data").symlink_to("..1")
    (folder / "a.yaml").symlink_to("..data/a.yaml")
    (folder / "data").symlink_to("..data/data")
    first = load(folder)
    (folder / "..turn").symlink_to("..2")
    (folder / "..turn").replace(folder / "..data")
    second = load(folder)
    assert (first.policies, first.data) == ({"a.yaml": b"one"}, {"t.yaml": b"one"})
    assert (second.policies, second.data) == ({"a.yaml": b"two"}, {"t.yaml": b"two"})
    assert first.digest != second.digest


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """It is not an empty folder, and its digest is another than that of one."""
    gone = load(tmp_path / "gone")
    assert str(gone.listing.problem) == (
        f"{tmp_path}/gone  cannot be read: No such file or directory; "
        "what was in force stays in force"
    )
    (tmp_path / "gone").mkdir()
    empty = load(tmp_path / "gone")
    assert empty.listing.problem is None
    assert empty.digest != gone.digest


def test_a_data_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    """What stands where data belongs is told, and nothing counts as gone."""
    (tmp_path / "data").write_text("")
    assert str(load(tmp_path).listing.problem) == "data  cannot be read: Not a directory"


def test_the_newest_stamp_tells_how_young_a_folder_is(folder: Path) -> None:
    """The latest of all files; nothing for an empty folder."""
    listing = look(folder)
    assert listing.newest >= (folder / "a.yaml").stat().st_mtime_ns
    assert look(folder / "data" / "nothing").newest == 0


def test_only_so_much_of_a_file_is_read(folder: Path) -> None:
    """One byte more than the reader takes, so that it can tell; not the whole of a huge file."""
    with (folder / "big.yaml").open("wb") as file:
        file.truncate(1 << 30)
    content = load(folder).policies["big.yaml"]
    assert isinstance(content, bytes)
    assert len(content) == 256 * 1024 + 1


def test_what_was_settled_and_is_untouched_is_not_read_again(folder: Path) -> None:
    """But what was young when it was read is, for it may have changed under the same stamp."""
    long_after = 10**13  # milliseconds since 1970
    path = min(folder.glob("*.yaml"))
    young = load(folder, path.stat().st_mtime_ns // 1_000_000)
    settled = load(folder, long_after, known=young)
    assert settled.files[path.name] is not young.files[path.name]
    assert load(folder, long_after, known=settled).files[path.name] is settled.files[path.name]
    path.write_bytes(path.read_bytes() + b"# changed")
    changed = load(folder, long_after, known=settled)
    assert changed.policies[path.name] == path.read_bytes()
    assert changed.digest != settled.digest

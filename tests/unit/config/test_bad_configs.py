"""One mistake a file in tests/data/bad_config, with the expected message beside it."""

from pathlib import Path

import pytest

from orchestrator.config.reader import CONFIG_MAX, read_config, understand

BAD = Path(__file__).parents[2] / "data" / "bad_config"


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_mistake_has_its_message(path: Path) -> None:
    """The problems are those expected, all of them, in the order of their places."""
    found = understand(Path(path.name), path.read_bytes())
    told = "".join(f"{problem}\n" for problem in found.problems)
    assert told == path.with_suffix(".expected").read_text()
    assert found.settings is None


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    """As whoever asked for it wrote it."""
    found = read_config(tmp_path / "nothing.yaml")
    assert [str(problem) for problem in found.problems] == [
        f"{tmp_path}/nothing.yaml  cannot be read: No such file or directory"
    ]


def test_an_oversized_file_is_refused(tmp_path: Path) -> None:
    """And not read to its end."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"#" * (CONFIG_MAX * 2))
    assert [problem.message for problem in read_config(path).problems] == [
        "holds 257 KiB; at most 256 KiB are read"
    ]

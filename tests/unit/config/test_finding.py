"""Which config file is taken, and by which rule."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.config import Found, find_config
from orchestrator.foundation.problems import Place, Problem


@pytest.mark.parametrize(
    ("option", "environ", "here", "there", "path", "rule"),
    [
        pytest.param(
            "x.yaml",
            {"ROOM_ORCHESTRATOR_CONFIG": "y.yaml"},
            True,
            True,
            "cwd/x.yaml",
            "--config",
            id="option",
        ),
        pytest.param(
            None,
            {"ROOM_ORCHESTRATOR_CONFIG": "y.yaml"},
            True,
            True,
            "cwd/y.yaml",
            "$ROOM_ORCHESTRATOR_CONFIG",
            id="environment",
        ),
        pytest.param(
            None,
            {"ROOM_ORCHESTRATOR_CONFIG": ""},
            True,
            True,
            "cwd/config.yaml",
            "./config.yaml",
            id="here",
        ),
        pytest.param(
            None, {}, False, True, "etc/config.yaml", "etc/config.yaml", id="the system's"
        ),
    ],
)
def test_the_first_rule_that_fits_is_taken(
    tmp_path: Path,
    option: str | None,
    environ: Mapping[str, str],
    here: bool,
    there: bool,
    path: str,
    rule: str,
) -> None:
    """Option and environment hold although their files are not there; the others must exist."""
    for name, exists in (("cwd", here), ("etc", there)):
        (tmp_path / name).mkdir()
        if exists:
            (tmp_path / name / "config.yaml").write_text("")
    found = find_config(
        Path(option) if option else None, environ, tmp_path / "cwd", tmp_path / "etc/config.yaml"
    )
    assert isinstance(found, Found)
    assert found.path == tmp_path / path
    assert found.rule.removeprefix(f"{tmp_path}/") == rule


def test_an_absolute_path_stays_where_it_is(tmp_path: Path) -> None:
    """It is not looked for below the working folder."""
    found = find_config(Path("/elsewhere/c.yaml"), {}, tmp_path)
    assert found == Found(Path("/elsewhere/c.yaml"), "--config")


def test_nothing_found_says_how_to_begin(tmp_path: Path) -> None:
    """`init` writes one."""
    system = tmp_path / "etc.yaml"
    assert find_config(None, {}, tmp_path, system) == Problem(
        Place("config.yaml"),
        f"is not here and not at {system}; `room-orchestrator init` writes one",
    )

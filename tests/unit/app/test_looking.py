"""Who may look at the status page by a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.app.build import StartError
from orchestrator.app.init import Choices, init
from orchestrator.app.looking import read_page_access
from orchestrator.app.secrets import unusable
from orchestrator.config import Settings, read_config

EMBEDDED = "owner: acme\nmode: observe\nmeetings: {embedded: true, keys: made/secrets}\n"


def settings(folder: Path, http: str) -> Settings:
    """The settings of a config in that folder."""
    (folder / "config.yaml").write_text(f"{EMBEDDED}http: {http}\n")
    found = read_config(folder / "config.yaml")
    assert found.settings is not None, found.problems
    return found.settings


def test_init_makes_a_token_for_whoever_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their own name, or as admin where they have none that can be written."""
    for name in ("anna", "ad;min", None):

        class User:
            pw_name = name

        def user(_: int, user: type[User] = User) -> type[User]:
            if user.pw_name is None:
                raise KeyError
            return user

        monkeypatch.setattr("orchestrator.app.init.pwd.getpwuid", user)
        made = init(tmp_path / f"{name}", Choices("127.0.0.1:1", "acme", "127.0.0.1:2", False))
        assert (made.page, made.token) == ("http://127.0.0.1:2", "secrets/status.token")
        found = read_config(made.folder / "config.yaml").settings
        assert found is not None
        assert found.http.public_url is None
        access = read_page_access(found)
        assert list(access.tokens) == ["anna" if name == "anna" else "admin"]
        assert access.loopback


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("{anna: {file: weak}}", "http.status.tokens.anna has less than 32 characters"),
        ("{anna: {file: one}, eve: {file: same}}", "anna and eve have the same token"),
    ],
)
def test_a_weak_or_shared_token_is_refused(tmp_path: Path, tokens: str, message: str) -> None:
    """At the start and at a reload, without quoting it."""
    init(tmp_path / "made", Choices(owner="acme"), example=False)
    (tmp_path / "weak").write_text("short\n")
    (tmp_path / "one").write_text("o" * 40)
    (tmp_path / "same").write_text("o" * 40 + "\n")
    told = settings(tmp_path, f"{{status: {{tokens: {tokens}}}}}")
    with pytest.raises(StartError, match=message) as refused:
        read_page_access(told)
    assert "ooo" not in str(refused.value)
    assert [message in problem for problem in unusable(told)] == [True]


def test_a_proxy_is_taken_over(tmp_path: Path) -> None:
    """With its header, its networks, and what others reach us by."""
    told = settings(
        tmp_path,
        "{public_url: https://rooms.example, status: {proxy: {header: X-Me, trusted: ['::1']}}}",
    )
    access = read_page_access(told)
    assert access.proxy is not None
    assert (access.proxy.header, str(access.proxy.trusted[0])) == ("X-Me", "::1/128")
    assert (access.public_url, access.loopback) == ("https://rooms.example", False)

"""Where recordings come from and pictures go to, by the API that a config names."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters.meetings.transport import NotSent
from orchestrator.app.build import downloads, uploads
from orchestrator.app.embedded import Api
from orchestrator.foundation.secret import Secret
from orchestrator.ports.faults import ForbiddenError
from tests.unit.app.test_web import EMBEDDED, settings

KEY = Secret("no key")


@pytest.mark.parametrize(
    ("api", "url", "refused"),
    [
        ("https://10.1.2.3:8441", "https://10.1.2.3:8441/a.mp4", False),
        ("https://10.1.2.3:8441", "https://10.9.9.9/a.mp4", True),
        ("https://10.1.2.3:8441", "http://10.1.2.3:8441/a.mp4", True),
        ("http://127.0.0.1:8441", "http://127.0.0.1:9/a.mp4", False),
        ("https://api.example.com", "https://10.20.1.1/a.mp4", False),
        ("https://api.example.com", "https://127.0.0.1/a.mp4", True),
    ],
)
async def test_the_api_s_own_machine_and_what_is_allowed(
    tmp_path: Path, api: str, url: str, *, refused: bool
) -> None:
    """And only with TLS, where the API itself is spoken to so."""
    text = EMBEDDED.replace("embedded: true", "embedded: true, allow_private: [10.20.0.0/16]")
    assert text != EMBEDDED
    way = downloads(settings(tmp_path, text), Api(f"{api}/v1/meetings", "a", KEY, "p"))
    try:
        if refused:
            with pytest.raises(ForbiddenError):
                way._place(url)  # noqa: SLF001 - nothing is to be connected to
        else:
            assert str(way._place(url)) == url  # noqa: SLF001
    finally:
        await way.close()


@pytest.mark.parametrize(
    ("api", "url", "told"),
    [
        ("https://api.example.com", "https://169.254.169.254/latest", "is private"),
        ("https://10.1.2.3:8441", "http://10.1.2.3:8441/up", "no link by https alone"),
        # What nobody listens at is asked all the same.
        ("http://127.0.0.1:1", "https://meet.example.com/up", "no connection to 127.0.0.1:1"),
    ],
)
async def test_pictures_go_no_further_and_to_our_own_server_directly(
    tmp_path: Path, api: str, url: str, told: str
) -> None:
    inside = ("https://meet.example.com", "http://127.0.0.1:1")
    there = Api(f"{api}/v1/meetings", "a", KEY, "p", inside)
    way = uploads(settings(tmp_path, EMBEDDED), there)
    try:
        with pytest.raises(NotSent, match=told):
            await way.upload(url, {}, b"")
    finally:
        await way.close()

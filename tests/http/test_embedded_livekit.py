"""The embedded server told of a LiveKit by config.yaml, which need not be there at the start."""

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.app.embedded import embedded
from orchestrator.app.refusing import StartError
from orchestrator.config.media import LiveKitMedia
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.config.settings import Calls, EmbeddedMeetings
from orchestrator.foundation.problems import Place
from tests.fakes.clock import VirtualClock
from tests.system.processes import free_port


def embedded_with(folder: Path, secret: str) -> EmbeddedMeetings:
    """Settings of an embedded server, with the secret in a file."""
    file = folder / "livekit.key"
    file.write_text(secret)
    file.chmod(0o600)
    source = SecretSource(SecretKind.FILE, str(file), Place("config.yaml", 1, 1))
    url = f"ws://127.0.0.1:{free_port()}"
    media = LiveKitMedia(url, None, "meetings", source, 7, (Path("/out"), folder / "egress"))
    calls = Calls(100.0, 8, timedelta(seconds=5), 100, timedelta())
    return EmbeddedMeetings(
        "127.0.0.1", 0, None, folder / "m.db", folder / "keys", calls, media=media
    )


async def test_it_starts_while_livekit_is_away(tmp_path: Path) -> None:
    """Rooms can be made before anybody can meet in them."""
    settings = embedded_with(tmp_path, "0123456789abcdef0123456789abcdef\n")
    async with embedded(settings, "acme", VirtualClock()) as api:
        assert api.url.startswith("http://127.0.0.1:")


async def test_it_does_not_start_with_a_secret_that_is_too_short(tmp_path: Path) -> None:
    """And does not tell it."""
    with pytest.raises(StartError, match="at least 32 bytes") as refused:
        async with embedded(embedded_with(tmp_path, "hunter2"), "acme", VirtualClock()):
            pass
    assert "hunter2" not in str(refused.value)

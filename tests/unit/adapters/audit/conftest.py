"""Logs as the tests of reading need them."""

from pathlib import Path

import pytest

from orchestrator.adapters.audit.signing import SigningKey, new_signing_key
from tests.fakes.logbook import Logbook


@pytest.fixture
def logbook(tmp_path: Path) -> Logbook:
    """An empty log, unsigned."""
    return Logbook(tmp_path)


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """One key for all tests: making it takes time."""
    return SigningKey.from_pem(new_signing_key())


@pytest.fixture
def signed_logbook(tmp_path: Path, signing_key: SigningKey) -> Logbook:
    """An empty log whose checkpoints are signed."""
    return Logbook(tmp_path, signing_key)

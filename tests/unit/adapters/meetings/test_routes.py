"""Routes: few of them, whatever the ids are."""

import pytest

from orchestrator.adapters.meetings.routes import route_of


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/rooms", "/rooms"),
        ("/rooms/a66e451f", "/rooms/{id}"),
        ("/themes/7/finalizeLogos", "/themes/{id}/finalizeLogos"),
        ("/themes/logos-upload-urls", "/themes/logos-upload-urls"),
        ("/sessions/2_MX4/recordings", "/sessions/{id}/recordings"),
        ("/applications", "/applications"),
        ("/rooms/..%2fsecret", "/rooms/{id}"),
        ("/a-word-to-come/1", "/{id}/{id}"),
    ],
)
def test_ids_are_not_told(path: str, route: str) -> None:
    """What is no word of the API counts as one."""
    assert route_of(path) == route

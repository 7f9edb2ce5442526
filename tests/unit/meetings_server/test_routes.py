"""The table of routes: what is literal comes first, and nothing is answered twice."""

import pytest

from orchestrator.meetings_server.http.routes import Call, Table
from orchestrator.meetings_server.http.wire import Answer, empty_answer


async def answer(_: Call) -> Answer:
    """Stands for any handler."""
    return empty_answer(204)


async def other(_: Call) -> Answer:
    """Stands for another one."""
    return empty_answer(200)


def test_a_literal_path_comes_before_a_named_one() -> None:
    """In whatever order they were given."""
    table = Table(
        {"/themes/{theme_id}": {"GET": answer}},
        {"/themes/logos": {"GET": other}, "/themes/{theme_id}/rooms": {"GET": answer}},
    )
    literal, named = table.find(("themes", "logos")), table.find(("themes", "x"))
    assert literal is not None
    assert (dict(literal.methods), dict(literal.names)) == ({"GET": other}, {})
    assert named is not None
    assert (dict(named.methods), dict(named.names)) == ({"GET": answer}, {"theme_id": "x"})
    assert table.find(("themes",)) is None
    assert table.find(("rooms", "x")) is None
    assert table.methods["/themes/logos"] == ("GET",)


def test_two_resources_cannot_have_one_path() -> None:
    """It would be chance who answers."""
    with pytest.raises(ValueError, match="two resources answer at /rooms"):
        Table({"/rooms": {"GET": answer}}, {"/rooms": {"POST": answer}})

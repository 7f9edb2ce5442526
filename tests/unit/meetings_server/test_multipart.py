"""Forms from anybody, before it is known whether they have leave for anything."""

import pytest

from orchestrator.meetings_server.http.multipart import NotAForm, parse_form

_TYPE = "multipart/form-data; boundary=x"


def test_parts_of_one_name_are_counted_each() -> None:
    part = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"
    assert parse_form(_TYPE, part * 32 + b"--x--").fields == {"a": ""}

    with pytest.raises(NotAForm, match="too much before its file"):
        parse_form(_TYPE, part * 33 + b"--x--")

"""What the HTTP server answers with: JSON, never kept by anybody on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def answer(status: int, content: Json, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with a JSON body."""
    return web.Response(
        status=status,
        text=json.dumps(content, ensure_ascii=False) + "\n",
        content_type="application/json",
        headers={**_HEADERS, **(headers or {})},
    )


def nothing(status: int = 204) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status, headers=_HEADERS)


def refusal(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says what is wrong; ``why`` is for people and holds nothing secret."""
    return answer(status, {"error": why}, headers)

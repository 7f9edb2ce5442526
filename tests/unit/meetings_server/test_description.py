"""The description of the API is that of the code: routes, fields that are read, events."""

import json
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from orchestrator.meetings_server import CallbackUrls
from orchestrator.meetings_server.http import bodies, fields, themes
from orchestrator.meetings_server.http.description import OPERATIONS, description
from tests.described import document, validator
from tests.fakes.clock import VirtualClock
from tests.meetings import WAYS, applications, in_memory, settings


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
async def test_it_is_served(clock: VirtualClock, way: Any) -> None:
    """To anybody, with this server's own address; and to be read only."""
    told = settings(external_url="https://meetings.example")
    async with way(told, clock) as client:
        reply = await client.ask("GET", "/openapi.json", base="", headers={})
        assert (reply.status, reply.json["openapi"]) == (200, "3.1.0")
        assert reply.json["servers"] == [{"url": "https://meetings.example/v1/meetings"}]
        head = await client.ask("HEAD", "/openapi.json", base="", headers={})
        assert (head.status, head.body) == (200, b"")
        reply = await client.ask("POST", "/openapi.json", base="")
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_every_route_is_described(clock: VirtualClock) -> None:
    """Each of them answers, if only that nobody signed; a server with another does not start."""
    async with in_memory(settings(), clock) as client:
        paths = (await client.ask("GET", "/openapi.json", base="", headers={})).json["paths"]
        routed = {
            (template, method.upper())
            for template, item in paths.items()
            for method in item.keys() - {"parameters", "servers"}
            if "servers" not in item
        }
        assert routed == {(path, method) for path, found in OPERATIONS.items() for method in found}
        for template, method in routed:
            path = template.replace("{", "").replace("}", "")
            assert (await client.ask(method, path, headers={})).status == 401
    with pytest.raises(ValueError, match="PUT /rooms is routed, and not described"):
        description("http://x", {"/rooms": ("GET", "PUT")})
    with pytest.raises(ValueError, match="GET /cellars is routed, and not described"):
        description("http://x", {"/cellars": ("GET",)})


def test_its_schemas_are_lawful() -> None:
    """All of them, also those inside of parameters; and each reference leads somewhere."""
    found = document()
    for schema in found["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "schema" in value:
                Draft202012Validator.check_schema(value["schema"])
            yield from [value["$ref"]] if "$ref" in value else []
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from walk(one)

    names = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(walk(found)) <= names
    identities = [
        one["operationId"]
        for item in found["paths"].values()
        for one in item.values()
        if isinstance(one, dict)
    ]
    assert len(set(identities)) == len(identities)


class Spy(dict[str, Any]):
    """An object of a body that remembers which of its keys were looked at."""

    def __init__(self, values: Mapping[str, Any], seen: set[str], path: str = "") -> None:
        nested = {
            key: Spy(value, seen, f"{path}{key}.") if isinstance(value, dict) else value
            for key, value in values.items()
        }
        super().__init__(nested)
        self._seen = seen
        self._path = path

    def get(self, key: str, default: Any = None) -> Any:
        self._seen.add(self._path + key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._seen.add(f"{self._path}{key}")
        return super().__contains__(key)


DETAILS: Mapping[str, Any] = {
    "expires_at": "2026-05-01T16:00:00Z",
    "expire_after_use": True,
    "theme_id": "t",
    "join_approval_level": "none",
    "initial_join_options": {"microphone_state": "on"},
    "callback_urls": {"rooms_callback_url": "http://a.example"},
    "available_features": {"is_chat_available": True},
    "ui_settings": {"language": "de"},
}
THEME: Mapping[str, Any] = {"main_color": "#123", "brand_text": "b", "short_company_url": "c"}


def described(schema: Mapping[str, Any], path: str = "") -> set[str]:
    """Every field of a body, with the way to it."""
    found = set()
    for one in schema.get("anyOf", [schema]):
        for name, inner in one.get("properties", {}).items():
            found |= {path + name} | described(inner, f"{path}{name}.")
    return found


@pytest.mark.parametrize(
    ("name", "read", "body"),
    [
        ("RoomDraft", bodies.room_draft, {"display_name": "x", "recording_options": {}, **DETAILS}),
        ("RoomUpdate", bodies.room_changes, {"update_details": DETAILS}),
        ("ThemeDraft", themes.theme_draft, THEME),
        ("ThemeUpdate", themes.theme_changes, {"update_details": THEME}),
        ("LogoKeys", themes.logo_keys, {"keys": ["k"]}),
        ("ApplicationUpdate", themes.default_theme, {"update_details": {"default_theme_id": "t"}}),
    ],
)
def test_what_is_read_is_what_is_described(
    monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[bytes], object], body: Any
) -> None:
    """No field more, no field less; and the example is lawful by both."""
    seen: set[str] = set()
    loads = SimpleNamespace(loads=lambda text: Spy(json.loads(text), seen))
    monkeypatch.setattr(fields, "json", loads)
    read(json.dumps(body).encode())
    schema = document()["components"]["schemas"][name]
    assert seen == described(schema)
    assert list(validator(f"/components/schemas/{name}").iter_errors(body)) == []


@pytest.mark.parametrize(
    ("template", "method", "name"),
    [
        (template, method, name)
        for template, operations in OPERATIONS.items()
        for method, operation in operations.items()
        for name in operation.query
    ],
)
async def test_what_is_described_of_a_query_is_read(
    clock: VirtualClock, template: str, method: str, name: str
) -> None:
    """A value that cannot be is refused by its name."""
    async with in_memory(settings(), clock) as client:
        path = template.replace("{room_id}", "x").replace("{theme_id}", "x")
        reply = await client.ask(method, path, query={name: "?" * 101})
        assert reply.status == 400
        assert reply.json["message"].startswith(f'"{name}" ')


class Heard:
    """Takes every event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Keep it, by the kind that its address stands for."""
        self.events.append((url.rpartition("/")[2], json.loads(body)))
        return 204


async def test_every_event_is_as_described(clock: VirtualClock) -> None:
    """All eight of them, each to the address of its kind."""
    urls = CallbackUrls(
        *(f"http://r.example/{kind}" for kind in ("rooms", "sessions", "recordings"))
    )
    heard = Heard()
    async with in_memory(settings(applications=applications(urls)), clock, sender=heard) as client:
        room = await client.create()
        who = await client.join(room)
        recording_id, _ = await client.record(room)
        clock.advance(1.5)
        await client.leave(room, who)
        await client.upload(recording_id, b"content")
        clock.advance(600)
        await client.memory.advance()
        await client.memory.deliver()
    assert len({event["event"] for _, event in heard.events}) == 8
    for kind, event in heard.events:
        pointer = f"/webhooks/{kind}/post/requestBody/content/application~1json/schema"
        assert list(validator(pointer).iter_errors(event)) == []

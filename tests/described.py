"""Every answer of the Meetings server is held against its own description.

`Client` does so after each request, so that whatever a test brings about has to be described: the
status, the keys, the words. What lies on no described route must be refused.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from orchestrator.meetings_server.http.api import resource_path
from orchestrator.meetings_server.http.description import OPERATIONS, description

_ROOT: Final = "urn:description"


@functools.cache
def document() -> Any:
    """Everything that is described, whether a server routes it or not."""
    methods = {template: tuple(operations) for template, operations in OPERATIONS.items()}
    return json.loads(json.dumps(description("http://meetings.example", methods)))


@functools.cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(_ROOT, DRAFT202012.create_resource(document()))


@functools.cache
def validator(pointer: str) -> Validator:
    """What checks values against the schema at that place of the document."""
    return Draft202012Validator(
        {"$ref": f"{_ROOT}#{pointer}"},
        registry=_registry(),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _template(path: tuple[str, ...]) -> str | None:
    found = [
        template
        for template in document()["paths"]
        if not template.startswith("/recordings/{application_id}")
        and len(parts := template.removeprefix("/").split("/")) == len(path)
        and all(
            part == given or part.startswith("{") for part, given in zip(parts, path, strict=True)
        )
    ]
    return min(found, key=lambda template: template.count("{"), default=None)


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail if the answer to a request under the API's base is not as described."""
    parts = resource_path(path)
    template = _template(parts) if parts else None
    if template is None:
        assert not parts or status in {404, 413}, f"{method} {path} is not described: {status}"
        return
    operation = document()["paths"][template].get(method.lower())
    if operation is None:
        assert status in {401, 405, 413}, f"{method} {template} is not described: {status}"
        return
    assert str(status) in operation["responses"], f"{method} {template} → {status} is undescribed"
    described = operation["responses"][str(status)]
    if "content" not in described:
        assert body == b""
        return
    media = headers["content-type"].partition(";")[0]
    assert media in described["content"], f"{method} {template} → {status} is {media}"
    if media == "application/json":
        place = f"/paths/{_escaped(template)}/{method.lower()}/responses/{status}"
        pointer = f"{place}/content/application~1json/schema"
        errors = [
            f"{error.json_path}: {error.message}"
            for error in validator(pointer).iter_errors(json.loads(body))
        ]
        assert errors == [], f"{method} {template} → {status}"

"""JSON Schemas of forms, for editors: what a document may hold, as people write it.

A schema finds less than the reader: nothing about two values that stand apart, templates, calendars
or other files.  It never refuses what the reader accepts, and tests hold it to that.  Its ``$id``
is a URN, because nothing is fetched from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from orchestrator.foundation.forms import Form
from orchestrator.foundation.instants import format_duration

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def identity(name: str) -> str:
    """The name of a schema that lies on nobody's host."""
    return f"urn:room-orchestrator:schema:{name}:1"


def schema_of(form: type[Form], name: str, title: str) -> dict[str, object]:
    """The schema of a form and of all forms inside it.

    Args:
        form: what a whole document may hold.
        name: goes into the ``$id``.
        title: for people.
    """
    told = form.model_json_schema(schema_generator=_AsWritten)
    return {"$schema": DIALECT, "$id": identity(name), "title": title, **told}


class _AsWritten(GenerateJsonSchema):
    """Describes what stands in a file, where an absent key is left out and never null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: object) -> object:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: object) -> bool:
        del schema  # whatever it is: an editor shows the key itself
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        told = super().dict_schema(schema)
        # A name that does not match its pattern would be passed over instead of refused.
        for pattern, value in told.pop("patternProperties", {}).items():
            told |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
        return told

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        told = super().model_schema(schema)
        told.pop("title", None)
        form = schema["cls"]
        return {**told, **_together(form)} if issubclass(form, Form) else told


def _together(form: type[Form]) -> Mapping[str, object]:
    """What a form says of more than one key; of keys that are not there yet nothing is said."""
    known = {info.alias or name for name, info in form.model_fields.items()}
    choices = [{"required": [name]} for name in form.exactly_one if name in known]
    if not choices:
        return form.together
    return {**form.together, "oneOf": choices}

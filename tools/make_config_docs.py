"""Writes docs/configuration.md from the forms of config.yaml, so that it names every key there is.

What a key means, takes and is if it is left out is in its form; whether a reload takes it up is in
the settings; how it is written is in config.example.yaml, which tests hold to be lawful.

Usage: ``python -m tools.make_config_docs`` writes the page; with ``--check`` it only compares, and
ends with 1 where the page is not what it should be.
"""

import re
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from orchestrator.config.fields import PATH_PATTERN, Listen, Url
from orchestrator.config.schema import config_schema
from orchestrator.config.settings import RESTART
from orchestrator.foundation.instants import DURATION_PATTERN

ROOT: Final = Path(__file__).parent.parent
_SPLIT: Final = {"http.listen": "http.host"}  # what settings hold of a key, where they split it
PAGE: Final = ROOT / "docs" / "configuration.md"
EXAMPLE: Final = ROOT / "config.example.yaml"
_BLOCK: Final = re.compile(r"(?m)(?:^#.*\n)*^([a-z_]+):")  # a key of the first level, its remarks
_OFF: Final = re.compile(r"(?m)(?:^#.*\n)*?^# ([a-z_]+):\s*$")
_NESTED: Final = 9  # forms within forms; more would be one that holds itself
_PATTERNS: Final = {
    DURATION_PATTERN: "a length of time",
    PATH_PATTERN.json_schema["pattern"]: "a path",  # type: ignore[index]
    get_args(Url)[-1].json_schema["pattern"]: "an address",
    get_args(Listen)[-1].json_schema["pattern"]: "address:port",
}

HEAD: Final = """\
# Configuration

<!-- Made by tools/make_config_docs.py from the code; change it there. -->

Every key of `config.yaml`: what it takes, what it is where it is left out, and what a change of it
needs. `owner`, `mode` and `meetings` are required; `room-orchestrator init` writes a file with
these. `room-orchestrator validate` names every mistake at once, with line and column, and
`room-orchestrator doctor` looks whether what the file names is there.

- **Reload**: `room-orchestrator reload`, SIGHUP or `systemctl reload` takes it up; rooms and links
  stay as they are. A file with a mistake changes nothing.
- **Restart**: the daemon has to be started anew. A reload names what it did not take up.
- *A length of time* is written `90s`, `15m`, `12h` or `30d`. *A path* is relative to the file
  itself; `~` means nothing in it.
- *A secret's place* is one of `{file: PATH}`, `{credential: NAME}` (systemd's `LoadCredential=`)
  and `{env: NAME}`. A secret itself never stands in the file, and is refused there.

Editors complete and check all of this by `schemas/config.json`, which `init` writes.
"""

COLUMNS: Final = """\
| Key | Takes | If left out | Meaning | Change |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page as Markdown."""
    schema = config_schema()
    properties: Mapping[str, Any] = schema["properties"]  # type: ignore[assignment]
    parts = [HEAD]
    for name, told in properties.items():
        parts.append(f"\n## {name}\n\n{_sentence(told['description'])}\n\n")
        parts.append(COLUMNS)
        required = name in schema["required"]  # type: ignore[operator]
        rows = _rows(schema, name, told, required=required)
        parts.extend("| " + " | ".join(row) + " |\n" for row in rows)
        parts.append(f"\n```yaml\n{example(name, properties)}```\n")
    return "".join(parts)


def example(name: str, keys: Container[str]) -> str:
    """What config.example.yaml has for a key of the first level, with the remarks before it.

    Args:
        name: of the key.
        keys: all that there are.
    """
    text = EXAMPLE.read_text(encoding="utf-8")
    # Of a key that is off by default all lines are remarks.
    starts = {found[1]: found.start() for found in _OFF.finditer(text) if found[1] in keys}
    starts |= {found[1]: found.start() for found in _BLOCK.finditer(text)}
    if name not in starts:
        message = f"config.example.yaml does not show {name}"
        raise ValueError(message)
    end = min((one for one in starts.values() if one > starts[name]), default=len(text))
    return text[starts[name] : end].rstrip() + "\n"


def _rows(
    schema: Mapping[str, Any], path: str, told: Mapping[str, Any], *, required: bool, depth: int = 0
) -> Iterator[tuple[str, ...]]:
    """The rows of a key and of all below it."""
    if depth > _NESTED:
        message = f"{path} holds itself"
        raise ValueError(message)
    form = _form(schema, told)
    if depth or form is None:
        left_out = "**required**" if required else _default(told)
        meaning = _escaped(told.get("description", ""))
        yield f"`{path}`", _takes(schema, told), left_out, meaning, _change(path)
    for inner, way in _inside(schema, path, told, form):
        needed = inner.get("required", ())
        for key, value in inner.get("properties", {}).items():
            if isinstance(value, Mapping):
                yield from _rows(
                    schema, f"{way}.{key}", value, required=key in needed, depth=depth + 1
                )


def _inside(
    schema: Mapping[str, Any], path: str, told: Mapping[str, Any], form: Mapping[str, Any] | None
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The forms whose keys stand below a key, and how their place is written."""
    if form is not None:
        if not _is_secret(told):
            yield form, path
        return
    items, named = told.get("items"), told.get("additionalProperties")
    if isinstance(items, Mapping) and not _is_secret(items):
        inner = _form(schema, items)
        if inner is not None:
            yield inner, f"{path}[]"
    if isinstance(named, Mapping):
        inner = _form(schema, named)
        if inner is not None:
            yield inner, f"{path}.NAME"
        for one in named.get("oneOf", ()):
            choice = _form(schema, one)
            if choice is not None:
                kind = choice["properties"]["type"]["const"]
                others = {k: v for k, v in choice["properties"].items() if k != "type"}
                yield {**choice, "properties": others}, f"{path}.NAME ({kind})"


def _form(schema: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    name = str(told.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] | None = schema["$defs"].get(name)
    return found


def _is_secret(told: Mapping[str, Any]) -> bool:
    return str(told.get("$ref", "")).endswith("/SecretForm")


def _takes(schema: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """What a key takes, in words, with its bounds."""
    if _is_secret(told):
        return "a secret's place"
    if "$ref" in told:
        return "keys, below"
    if "enum" in told:
        return " · ".join(f"`{one}`" for one in told["enum"])
    if "const" in told:
        return f"`{told['const']}`"
    kind = told.get("type")
    if kind == "array":
        return f"a list: {_takes(schema, told['items'])}"
    if kind == "object":
        named = told.get("additionalProperties")
        if not isinstance(named, Mapping) or "$ref" in named or "oneOf" in named:
            return "names, each with keys, below"
        return f"names, each with {_takes(schema, named)}"
    if told.get("pattern") in _PATTERNS:
        return _PATTERNS[told["pattern"]]
    if kind in {"integer", "number"}:
        return ("a whole number" if kind == "integer" else "a number") + _bounds(told)
    words = {"boolean": "`true` · `false`", "string": "a text"}
    return words.get(str(kind), "one of several forms")


def _bounds(told: Mapping[str, Any]) -> str:
    low, high = told.get("minimum"), told.get("maximum")
    if high is not None:
        return f", {low:,} to {high:,}"
    return "" if low is None else f", from {low:,}"


def _default(told: Mapping[str, Any]) -> str:
    if "default" not in told:
        return ""
    value = told["default"]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value in ([], {}):
        return "none"
    if isinstance(value, list):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return f"`{value}`"


def _change(path: str) -> str:
    plain = re.sub(r"\[\]|\.NAME.*", "", path)
    plain = _SPLIT.get(plain, plain)
    restart = any(plain == one or plain.startswith(f"{one}.") for one in RESTART)
    return "restart" if restart else "reload"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main(arguments: list[str]) -> int:
    """Write or compare; the exit code."""
    if arguments == ["--check"]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        print("docs/configuration.md is not what the code says: python -m tools.make_config_docs")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

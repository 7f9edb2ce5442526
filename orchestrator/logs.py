"""Log lines: JSON for programs, readable on a terminal, and nothing secret in either.

Everything goes one way, our own lines and those of libraries: structlog's loggers stand on the
standard library's, and one handler renders both.  The engine logs a constant event name and keys;
nothing of importance is only in the log (that is what facts and the audit are for).  Where systemd
connected standard error to its journal, a line is an entry with fields, so that it can be asked for
by its key; what the journal does not take goes to standard error.

Redaction here is the second wall: whoever logs must not log a secret in the first place.  It masks
what looks like one, by name and by form, and it never raises; a line that it cannot make safe is
replaced by one that says so.  It cannot know a secret that looks like ordinary text.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orchestrator.foundation import journal

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

MASK: Final = "***"

_OURS: Final = "orchestrator"
# It tells of a collector that is away at every request; the tracer reports that once.
_MUTE: Final = "opentelemetry"
_DEEPEST: Final = 8  # levels of nesting, so that a value within itself comes to an end
_LONGEST: Final = 16_384  # characters: longer than any traceback that is still read
_RENDERERS_OWN: Final = frozenset({"_record", "_from_structlog"})

# Names under which only secrets stand; `token_seconds: 300` and the like are numbers and stay.
_SECRET_NAME: Final = re.compile(
    r"secret|passw|token|authorization|cookie|private_?key|api_?key|host_?(?:url|link)",
    re.IGNORECASE,
)
_SECRET_FORMS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # PEM, also when it was cut off.
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), MASK),
    # JSON Web Tokens, also when cut off: three parts, the first of them an object in base64.
    (re.compile(r"(?<![\w-])eyJ[\w-]{4,}(?:\.[\w-]*){0,2}"), MASK),
    # The whole of a link that names a participant: whoever has it is the host.
    (re.compile(r"https?://[^\s\"'<>]*participant_token=[^\s\"'<>]*", re.IGNORECASE), MASK),
    (
        re.compile(
            r"([?&][\w-]{0,40}(?:token|secret|signature|password|api_?key)=)[^\s&\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/-]{16,}=*", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(://[^/\s:@\"']*:)[^/\s@\"']+@"), rf"\1{MASK}@"),
)
# What moves a terminal's cursor or colours is shown, not obeyed: names come from outside.
# As pictures and not as `\x1b`: a renderer that quotes texts would double the backslash.
_CONTROLS: Final[Mapping[int, str]] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    **dict.fromkeys((*range(0x80, 0xA0), 0x2028, 0x2029), "\ufffd"),
}
_CONTROLS_IN_TRACEBACKS: Final = {
    code: picture for code, picture in _CONTROLS.items() if chr(code) not in "\n\t"
}
# journald reads a line's priority from its head (man sd-daemon).
_PRIORITIES: Final[Mapping[str, int]] = {
    "critical": 2,
    "error": 3,
    "exception": 3,
    "warning": 4,
    "info": 6,
    "debug": 7,
}
_ORDINARY: Final = 6
# As SyslogIdentifier= of the unit: the journal takes that for lines of a stream only.
_IDENTIFIER: Final = "room-orchestrator"
# What an entry's sentence leaves to its fields, and what it says first.
_FIELDS_ONLY: Final = frozenset(
    {"after", "api", "before", "cause", "detail", "event", "exception", "key", "level", "logger"}
    | {"operation", "room_id", "seq", "stack", "ts"}
)
_REASONS: Final = ("reason", "why", "error", "problem", "message")
# What an entry has in its message or by the journal itself.
_NO_FIELDS: Final = frozenset({"exception", "level", "stack", "ts"})


def set_up(
    level: Level = "info",
    form: Format = "auto",
    stream: TextIO | None = None,
    address: str = journal.ADDRESS,
) -> None:
    """Send all log lines of this process to a stream (by default stderr); again: anew.

    With ``auto`` lines are readable where the stream is a terminal, and JSON elsewhere. Where the
    stream leads to the journal of systemd, each line is an entry with fields and a priority; its
    message is a sentence, or JSON with ``json``. Libraries are heard from warnings on.

    ``address`` is where the journal listens.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        # Here already and as text: a renderer's own tracebacks would show local variables.
        structlog.processors.format_exc_info,
    ]
    render = _rendering(form, stream)
    if leads_to_journal(stream):
        render = [_entry(journal.Journal(address), form, _chain(render))]
    handler = _Lines(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                *render,
            ],
            foreign_pre_chain=shared,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,  # or `set_up` could not be called again
    )
    _route_everything(handler, number)


def redact(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A processor: mask whatever looks like a secret, at any depth, and leave only plain values."""
    kept = {name: event[name] for name in _RENDERERS_OWN if name in event}
    try:
        told = {name: value for name, value in event.items() if name not in _RENDERERS_OWN}
        return {**_redacted_mapping(told, 0), **kept}
    except Exception as error:  # noqa: BLE001 (a log line must never end what it tells of)
        return {"event": "log.withheld", "level": method, "why": type(error).__name__, **kept}


def redacted(text: str) -> str:
    """A text with whatever looks like a secret masked; a very long one is cut off."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    for form, instead in _SECRET_FORMS:
        text = form.sub(instead, text)
    return text


def _redacted_mapping(values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key)
        told[redacted(name)] = (
            MASK if _is_secret(name, value) else _redacted_value(value, depth + 1)
        )
    return told


def _is_secret(name: str, value: object) -> bool:
    is_harmless = value is None or isinstance(value, bool | int | float)
    return not is_harmless and _SECRET_NAME.search(name) is not None


def _redacted_value(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _redacted_mapping(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted_value(item, depth + 1) for item in value]
    # Enumerations of text are text; bytes and all else as Python shows them.
    return redacted(str(value) if isinstance(value, str) else repr(value))


class _Lines(logging.StreamHandler[TextIO]):
    """Writes a line, unless it has gone another way and nothing is left of it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if line := self.format(record):
                self.stream.write(line + self.terminator)
                self.flush()
        except Exception:  # noqa: BLE001 (a log line must never end what it tells of)
            self.handleError(record)


def _rendering(form: Format, stream: TextIO) -> list[Processor]:
    """The last steps from an event to the text of its line."""
    if form == "json" or (form == "auto" and not stream.isatty()):
        return [structlog.processors.JSONRenderer()]
    readable = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        exception_formatter=structlog.dev.plain_traceback,
        timestamp_key="ts",
    )
    return [_without_controls, readable]


def _without_controls(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: _printable(value, name) for name, value in event.items()}


def _printable(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    return value.translate(_CONTROLS_IN_TRACEBACKS if name in {"exception", "stack"} else _CONTROLS)


def _entry(to: journal.Journal, form: Format, render: Callable[[EventDict], str]) -> Processor:
    """A renderer of which nothing is left where the journal took the entry."""

    def entry(_: WrappedLogger, __: str, event: EventDict) -> str:
        message = render(event) if form == "json" else _sentence(event)
        priority = str(_PRIORITIES.get(str(event.get("level")), _ORDINARY))
        if to.send({**_fields(event, priority), "MESSAGE": message}):
            return ""
        line = message if form == "json" else render(event)
        return "\n".join(f"<{priority}>{part}" for part in line.split("\n"))

    return entry


def _chain(steps: Sequence[Processor]) -> Callable[[EventDict], str]:
    def render(event: EventDict) -> str:
        told: Any = dict(event)  # a renderer takes out of it what it has written
        for step in steps:
            told = step(None, "", told)
        return str(told)

    return render


def _fields(event: EventDict, priority: str) -> dict[str, str]:
    told = {"PRIORITY": priority, "SYSLOG_IDENTIFIER": _IDENTIFIER}
    for name, value in event.items():
        field = journal.field_name(str(name))
        if field is not None and value is not None and name not in _NO_FIELDS:
            told[field] = _plain(value)
    return told


def _sentence(event: EventDict) -> str:
    """An event for people: what, with which key, why, and what else was told."""
    shown = _without_controls(None, "", event)
    said = " ".join(str(shown[name]) for name in ("event", "key") if shown.get(name))
    reason = next((name for name in _REASONS if shown.get(name)), "")
    if reason:
        said += f": {shown[reason]}"
    rest = [
        f"{name}={_plain(value)}"
        for name, value in shown.items()
        if name != reason and name not in _FIELDS_ONLY
    ]
    if rest:
        said += f" ({', '.join(rest)})"
    traces = [str(shown[name]) for name in ("stack", "exception") if shown.get(name)]
    return "\n".join([said, *traces])


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def leads_to_journal(stream: TextIO | None = None) -> bool:
    """Whether systemd connected a stream (by default stderr) to its journal.

    This very stream: a shell below a unit inherits the variable and has another.
    """
    told = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat((stream or sys.stderr).fileno())
    except (OSError, ValueError):  # a stream in memory has no number
        return False
    return told == f"{status.st_dev}:{status.st_ino}"


def _route_everything(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for former in list(root.handlers):
        if isinstance(former.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(_OURS).setLevel(level)
    logging.getLogger(_MUTE).setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)
    # A handler that cannot write (a closed pipe) would print the line as it was, unredacted.
    logging.raiseExceptions = False

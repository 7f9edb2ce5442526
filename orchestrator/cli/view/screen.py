"""Where commands print: a terminal with colours and a width, or a pipe with neither.

In a pipe a record is one line however long it is, and what is not a record (which config was read,
who answered) goes to stderr.  Nothing is ever cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Final, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from orchestrator.cli.view import times

if TYPE_CHECKING:
    from orchestrator.foundation.shapes import Json

Part = str | tuple[str, str]
"""A text, or a text and its style (as rich spells styles)."""

_WIDEST: Final = 120  # where marks stand on the right of a very wide terminal
_NARROWEST: Final = 40
# What moves a terminal's cursor or colours is shown, not obeyed: names come from outside.  Marks of
# writing direction as well: they make one name look like another.
_HIDDEN: Final[Mapping[int, str]] = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
}


def clean(text: str) -> str:
    """A text that only prints."""
    return text.translate(_HIDDEN)


@dataclass(slots=True)
class Screen:
    """One command's way out.

    Attributes:
        terminal: standard output is a terminal.
        width: its columns; None: none, nothing is wrapped.
        color: styles are shown.
        now: the moment by which near days are named, UTC.
        zone: the reader's; None: the system's.
    """

    out: TextIO
    err: TextIO
    terminal: bool
    width: int | None
    color: bool
    now: datetime
    zone: tzinfo | None = None
    _console: Console = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Dress the console as the screen is."""
        self._console = self._new_console(self.out)

    @property
    def right(self) -> int:
        """The column at which marks on the right end; 0 where there is no right side."""
        return 0 if self.width is None else max(min(self.width, _WIDEST), _NARROWEST)

    def line(
        self, *parts: Part, indent: int = 0, hang: int | None = None, whole: bool = False
    ) -> None:
        """Print one line; on a terminal what does not fit goes on below, indented by ``hang``.

        A line that is to be pasted stays ``whole``: only the terminal itself breaks it.
        """
        text = Text(" " * indent)
        text.append_text(assemble(parts))
        text.rstrip()
        if whole or self.width is None or text.cell_len <= self.width:
            self._print(text)
            return
        hang = min(indent if hang is None else hang, self.width // 2)
        for number, piece in enumerate(_wrapped(text, self.width, hang, self._console)):
            self._print(piece if not number else Text(" " * hang).append_text(piece))

    def marked(self, parts: Sequence[Part], mark: Part, indent: int, hang: int) -> None:
        """Print one line with a mark: on the right of a terminal, below it if it does not fit."""
        text, tail = assemble(parts), assemble([mark])
        if not tail.plain:
            self.line(*parts, indent=indent, hang=hang)
            return
        space = self.right - indent - text.cell_len - tail.cell_len
        if self.width is not None and space < 2:
            self.line(*parts, indent=indent, hang=hang)
            self._line_of(tail, self.right - tail.cell_len)
            return
        text.append(" " * max(space, 2))
        self._line_of(text.append_text(tail), indent)

    def columns(
        self, rows: Sequence[Sequence[Part]], heads: Sequence[str], indent: int = 0
    ) -> None:
        """Print a table; without its heads in a pipe, where each line is a record.

        Where a row is wider than the terminal, its last column goes below it.
        """
        every = ([[(head, "bold") for head in heads]] if self.terminal else []) + [
            list(row) for row in rows
        ]
        cells = [[assemble([part]) for part in row] for row in every]
        widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
        below = self.width is not None and indent + sum(widths) + 2 * len(widths) > self.width
        for number, row in enumerate(cells):
            last = row.pop() if below and len(row) > 1 else None
            text = Text("  ").join(
                _padded(cell, width) for cell, width in zip(row, widths, strict=False)
            )
            self._line_of(text, indent)
            if last is not None and last.plain not in {"", "-"} and number:
                self._line_of(last, indent + 2)

    def names(self, names: Sequence[str], indent: int) -> None:
        """Print many names: in columns on a terminal, in one line in a pipe."""
        texts = [clean(name) for name in names]
        if self.width is None:
            self.line("  ".join(texts), indent=indent)
            return
        widest = max(map(cell_len, texts)) + 2
        across = max((self.right - indent) // widest, 1)
        for start in range(0, len(texts), across):
            row = texts[start : start + across]
            padded = (name + " " * (widest - cell_len(name)) for name in row)
            self.line("".join(padded).rstrip(), indent=indent)

    def blank(self) -> None:
        """An empty line, on a terminal alone."""
        if self.terminal:
            self._print(Text())

    def note(self, text: str, *, whole: bool = False) -> None:
        """Say what is no record: on a terminal among the rest, else on stderr."""
        if self.terminal:
            self.line((text, "dim"), hang=2, whole=whole)
        else:
            self.aside(text)

    def aside(self, text: str) -> None:
        """Say something on stderr."""
        self.err.write(f"{clean(text)}\n")
        self.err.flush()

    def json(self, document: Json) -> None:
        """Print one document for programs."""
        self.out.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")

    def raw(self, text: str) -> None:
        """Print as it is what is itself a format for programs."""
        self.out.write(text)

    def moment(self, at: datetime | None, *, to_the_minute: bool = False) -> str:
        """A moment for the reader, far ones by their day if they may be; a dash for none."""
        if at is None:
            return "-"
        return times.moment(at, self.now, self.zone, to_the_minute=to_the_minute)

    def _line_of(self, text: Text, indent: int) -> None:
        whole = Text(" " * indent).append_text(text)
        whole.rstrip()
        if self.width is not None and whole.cell_len > self.width:
            for number, piece in enumerate(_wrapped(whole, self.width, indent + 2, self._console)):
                self._print(piece if not number else Text(" " * (indent + 2)).append_text(piece))
            return
        self._print(whole)

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _new_console(self, stream: TextIO) -> Console:
        return Console(
            file=stream,
            force_terminal=self.terminal,
            width=self.width or 10_000,
            color_system="standard" if self.color and self.terminal else None,
            highlight=False,
            markup=False,
            emoji=False,
        )


def assemble(parts: Sequence[Part]) -> Text:
    """Parts as one text, without control characters."""
    text = Text()
    for part in parts:
        if isinstance(part, str):
            text.append(clean(part))
        else:
            text.append(clean(part[0]), style=part[1] or None)
    return text


def _padded(cell: Text, width: int) -> Text:
    padded = cell.copy()
    padded.append(" " * (width - cell.cell_len))
    return padded


def _wrapped(text: Text, width: int, hang: int, console: Console) -> list[Text]:
    """The text in pieces of the width, of which all but the first leave room for ``hang``."""
    first = text.wrap(console, width)[0]
    rest = text[len(first.plain) :]
    first.rstrip()
    pieces = [first]
    leading = len(rest.plain) - len(rest.plain.lstrip())
    rest = rest[leading:]
    if rest.plain:
        pieces.extend(rest.wrap(console, width - hang))
    for piece in pieces:
        piece.rstrip()
    return pieces

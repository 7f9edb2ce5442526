"""The results as JSON, and the table of `docs/performance.md` made from that and from nothing else.

What people write about the figures stands outside of the two marks and is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.measures import Figure

BEGIN: Final = "<!-- made by make bench: begin -->"
END: Final = "<!-- made by make bench: end -->"

Json = dict[str, Any]


def document(machine: Mapping[str, str | int], figures: Sequence[Figure]) -> Json:
    """Everything that was measured, as it is kept."""
    return {"machine": dict(machine), "figures": [_entry(figure) for figure in figures]}


def _entry(figure: Figure) -> Json:
    entry: Json = {
        "bench": figure.bench,
        "work": figure.work,
        "name": figure.name,
        "value": round(figure.value, 4),
        "unit": figure.unit,
    }
    if figure.target is not None:
        entry["target"] = {
            "limit": figure.target.limit,
            "at_least": figure.target.at_least,
            "met": not figure.is_short,
        }
    entry["beside"] = {name: round(value, 3) for name, value in figure.beside.items()}
    return entry


def markdown(results: Json) -> str:
    """The table, from the JSON."""
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    lines = [
        f"Measured on: {machine}.",
        "",
        "| Benchmark | Work | Figure | Value | Asked for | Made from |",
        "| --- | --- | --- | ---: | --- | --- |",
    ]
    lines += [_row(entry) for entry in results["figures"]]
    return "\n".join(lines)


def _row(entry: Json) -> str:
    cells = (
        entry["bench"],
        entry["work"],
        entry["name"],
        f"{number(entry['value'])} {entry['unit']}".strip(),
        _asked(entry.get("target"), entry["unit"]),
        ", ".join(f"{name} {number(value)}" for name, value in entry["beside"].items()),
    )
    return f"| {' | '.join(cells)} |"


def _asked(target: Json | None, unit: str) -> str:
    if target is None:
        return ""
    bound = "at least" if target["at_least"] else "at most"
    said = f"{bound} {number(target['limit'])} {unit}".strip()
    return said if target["met"] else f"**{said}: falls short**"


def number(value: float) -> str:
    """A number as people read it: three digits that matter, thousands set apart."""
    if value == 0:
        return "0"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def into(page: str, table: str) -> str:
    """The page with the table between its marks.

    Raises:
        ValueError: the page does not have both marks, in their order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"the page needs the marks {BEGIN} and {END}"
        raise ValueError(message)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"

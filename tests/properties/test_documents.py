"""Whatever the bytes: a document or problems with places; and what was written comes back."""

import csv
import io
import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.foundation.documents import Document, Tree, read_csv, read_json, read_yaml

LIMIT = 1 << 16

# Text that a file may hold; YAML's printable characters, without the line breaks of old standards.
texts = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cc", "Cs"),
        exclude_characters="\x85\u2028\u2029\ufeff\ufffe\uffff",
        max_codepoint=0xFFFD,
    ),
    max_size=12,
)
keys = texts.filter(lambda text: text not in {"", "<<"})
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
MARKS = "- : { } [ ] , \" ' &x *x !t | > # --- ... % @ ` ? <<: {{ }} 1 null é a b"
pieces = st.sampled_from([*MARKS.split(), "b: ", "- ", "\n", "  ", "\t", "---\n", "? ", "\0"])
soups = st.lists(pieces, max_size=40).map(lambda parts: "".join(parts).encode())
raws = st.one_of(soups, st.binary(max_size=60), texts.map(str.encode))


def has_places(document: Document) -> None:
    """All problems and all values have a place within the text."""
    assert document.readable or document.problems
    for problem in document.problems:
        assert problem.place.file == "f"
        assert problem.message
    for path, place in document.places():
        assert place.line >= 1
        assert document.place(path) == place


@given(raws, st.booleans())
def test_no_bytes_break_a_reader(raw: bytes, as_written: bool) -> None:
    """Half-written, binary or hostile: told, never raised."""
    has_places(read_yaml("f", raw, limit=LIMIT, as_written=as_written))
    has_places(read_json("f", raw, limit=LIMIT, as_written=as_written))
    has_places(read_csv("f", raw, limit=LIMIT))


@given(trees)
def test_what_was_written_as_json_comes_back(tree: Tree) -> None:
    """Pretty or in one line."""
    for indent in (None, 2):
        raw = json.dumps(tree, indent=indent, ensure_ascii=indent is None).encode()
        document = read_json("f", raw, limit=LIMIT)
        assert document.problems == ()
        assert document.tree == tree


@given(trees)
def test_what_was_written_as_yaml_comes_back(tree: Tree) -> None:
    """In block and flow style; PyYAML quotes whatever it would read as something else."""
    for flow in (False, True):
        raw = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, width=10_000)
        document = read_yaml("f", raw.encode(), limit=LIMIT)
        # PyYAML anchors equal lists and mappings that are one object, which is refused by design.
        if not any("anchors" in problem.message for problem in document.problems):
            assert document.problems == ()
            assert document.tree == tree


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), texts, min_size=2), max_size=5))
def test_what_was_written_as_csv_comes_back(rows: list[dict[str, str]]) -> None:
    """Quotes, commas and all."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, ["a", "b"])
    writer.writeheader()
    writer.writerows(rows)
    document = read_csv("f", file.getvalue().encode(), limit=LIMIT)
    assert document.problems == ()
    assert document.tree == rows
    assert len(document.tree) == len(rows)


@given(trees, st.integers(min_value=0))
def test_a_file_cut_off_is_a_prefix_or_a_problem(tree: Tree, cut: int) -> None:
    """JSON that was half written is never read as something whole."""
    raw = json.dumps([tree]).encode()
    document = read_json("f", raw[: cut % len(raw)], limit=LIMIT)
    assert not document.readable

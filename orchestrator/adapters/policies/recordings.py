"""What a policy may say of the recordings of its rooms: where copies go, and what is deleted when.

It refuses every line from which a deletion would follow that does not say so in so many words:
nothing is deleted without ``then: delete``, and nothing without a copy but by ``archive: none``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from orchestrator.adapters.policies.patterns import NAME
from orchestrator.domain.keys import POLICY_NAME
from orchestrator.domain.policies import GRACE, KeepRecordings
from orchestrator.foundation.documents import Document, Path
from orchestrator.foundation.forms import Form, Length, between, patterned
from orchestrator.foundation.problems import Problem, did_you_mean

NO_COPY: Final = "none"  # the archive that is none
_RECORDINGS: Final = "recordings"
_EXAMPLE: Final = "archives: {{{name}: {{path: /srv/recordings}}}}"


def _archive(value: str) -> str:
    if POLICY_NAME.fullmatch(value) is None:
        message = (
            "must be the name of an archive in config.yaml (1 to 63 of a-z, 0-9 and -), or none, "
            "for no copy"
        )
        raise ValueError(message)
    return value


_Wait = Annotated[Length, AfterValidator(between(timedelta(), timedelta(days=3650)))]


class RecordingsForm(Form):
    """What becomes of the recordings of the policy's rooms."""

    hints: ClassVar = {
        "archive": "the name of an archive in config.yaml that each is copied to, or none"
    }
    together: ClassVar = {
        "dependentRequired": {"keep": ["then"], "then": ["keep"], "grace": ["then"]},
        "if": {"properties": {"archive": {"const": NO_COPY}}},
        "then": {"required": ["then"]},
    }

    archive: Annotated[str, AfterValidator(_archive), patterned(NAME)] = Field(
        description="the archive of config.yaml that each is copied to; none: no copy is made"
    )
    keep: _Wait | None = Field(
        None, description="how long after its end a recording stays at the API, with then: delete"
    )
    then: Literal["delete"] | None = Field(
        None, description="delete: it is deleted there, once its copy was read back"
    )
    grace: _Wait | None = Field(
        None,
        description="so long after this came into force nothing is deleted by it: 7d",
    )


def recordings_of(form: RecordingsForm | None) -> KeepRecordings | None:
    """The same wish in the domain's words."""
    if form is None:
        return None
    return KeepRecordings(
        archive="" if form.archive == NO_COPY else form.archive,
        keep=form.keep,
        grace=GRACE if form.grace is None else form.grace,
    )


def recordings_problems(
    form: RecordingsForm, document: Document, archives: frozenset[str] | None
) -> Iterator[Problem]:
    """What needs two values, or config.yaml; ``archives`` None: there is none to look into."""

    def at(message: str, name: str, *, key: bool = False) -> Problem:
        path: Path = (_RECORDINGS, name)
        return Problem(document.key_place(path) if key else document.place(path), message)

    if form.then is None:
        if form.keep is not None:
            message = (
                "keep says how long a recording stays before it is deleted, and nothing is deleted "
                "that does not say so; write then: delete beside it, or take keep out"
            )
            yield at(message, "keep", key=True)
        if form.grace is not None:
            yield at("grace is for then: delete; take it out", "grace", key=True)
        if form.archive == NO_COPY and form.keep is None:
            message = "nothing is copied and nothing deleted, as without recordings; take it out"
            yield at(message, "archive")
    elif form.keep is None:
        message = (
            "delete needs keep: how long after its end a recording stays at the API, such as 30d"
        )
        yield at(message, "then")
    if archives is None or form.archive == NO_COPY or form.archive in archives:
        return
    example = _EXAMPLE.format(name=form.archive)
    offer = did_you_mean(form.archive, archives) or (
        f"; add it there: {example}, or write none for no copy"
    )
    yield at(f'"{form.archive}" is no archive of config.yaml{offer}', "archive")

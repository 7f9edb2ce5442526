"""Which handler answers which method of which path under the API's base.

A table that can be read as well as asked, so that what is described can be held against what there
is. A path is a template, such as ``/rooms/{room_id}``; one without names comes before one with.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.meetings_server.http.wire import Answer, Request


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in, and who sent it.

    Attributes:
        names: what stands in the path where its template has names.
    """

    request: Request
    application_id: str
    names: Mapping[str, str]


#: What answers one method of one path. It may raise what `Api` knows how to tell.
Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]

#: Handlers by template, then by method in capitals.
Routes: TypeAlias = Mapping[str, Mapping[str, Handler]]


@dataclass(frozen=True, slots=True)
class Found:
    """What answers at a path."""

    methods: Mapping[str, Handler]
    names: Mapping[str, str]


class Table:
    """All routes, of all resources."""

    def __init__(self, *resources: Routes) -> None:
        """Join the routes of resources.

        Raises:
            ValueError: two resources have the same path.
        """
        self._routes: dict[str, Mapping[str, Handler]] = {}
        for routes in resources:
            twice = self._routes.keys() & routes.keys()
            if twice:
                message = f"two resources answer at {min(twice)}"
                raise ValueError(message)
            self._routes.update(routes)
        named = sorted(self._routes, key=lambda template: template.count("{"))
        self._order = tuple((_parts(template), template) for template in named)

    @property
    def methods(self) -> Mapping[str, tuple[str, ...]]:
        """The methods of each template."""
        return {template: tuple(methods) for template, methods in self._routes.items()}

    def find(self, path: tuple[str, ...]) -> Found | None:
        """What answers at a path, given in its parts; None: nothing."""
        for template, name in self._order:
            if len(template) == len(path) and all(map(_fits, template, path)):
                names = {
                    part[1:-1]: given
                    for part, given in zip(template, path, strict=True)
                    if part.startswith("{")
                }
                return Found(self._routes[name], names)
        return None


def _parts(template: str) -> tuple[str, ...]:
    return tuple(template.removeprefix("/").split("/"))


def _fits(part: str, given: str) -> bool:
    return part == given or part.startswith("{")

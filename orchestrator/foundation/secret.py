"""A value that does not print.

Refuses every accidental way out: text, format, repr, pickle, JSON. The one way is `Secret.reveal`,
so that a search for its name finds each place where a secret leaves. What it cannot do is hide
from a debugger or a core dump.
"""

import hmac
from typing import Final, NoReturn, final

from orchestrator.foundation.problems import Problem

MASK: Final = "***"


@final
class Secret:
    """Text that only `reveal` gives out. Equal secrets are equal, compared in constant time."""

    # Not a dataclass: dataclasses.asdict would walk into it and take the value out.
    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __setattr__(self, name: str, value: object) -> NoReturn:
        message = "a secret cannot be changed"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> NoReturn:
        message = "a secret cannot be changed"
        raise AttributeError(message)

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        # The spec is ignored: padding to a width would not hide more.
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        # Copies (dataclasses.asdict makes them) stay masked and share the value.
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = "a secret cannot be pickled"
        raise TypeError(message)


class SecretFault(Exception):
    """A secret is not where it should be; holds the problem to show, which quotes nothing."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(str(problem))
        self.problem = problem


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")

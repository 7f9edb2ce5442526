"""A value that does not print."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from orchestrator.foundation.secret import Secret

VALUE = "correct horse"


@dataclass(frozen=True)
class Holder:
    """A settings class as the program has them."""

    password: Secret


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param(str, id="str"),
        pytest.param(repr, id="repr"),
        pytest.param(lambda secret: f"{secret}", id="format"),
        pytest.param(lambda secret: f"{secret:>40}", id="format spec"),
        pytest.param(lambda secret: f"{secret!r}", id="conversion"),
        pytest.param(lambda secret: "%s %r" % (secret, secret), id="percent"),  # noqa: UP031
        pytest.param(lambda secret: repr(Holder(secret)), id="repr of its holder"),
        pytest.param(lambda secret: repr(asdict(Holder(secret))), id="asdict of its holder"),
        pytest.param(lambda secret: json.dumps(str(secret)), id="json of its text"),
        pytest.param(lambda secret: repr(copy.deepcopy(Holder(secret))), id="copy of its holder"),
    ],
)
def test_nothing_prints_it(printed: "object") -> None:
    """Every way to text gives the mask."""
    assert callable(printed)
    text = printed(Secret(VALUE))
    assert VALUE not in text
    assert "***" in text


def test_reveal_gives_it() -> None:
    """The one way out, also for text that is not valid Unicode."""
    assert Secret(VALUE).reveal() == VALUE
    assert Secret("\ud800") == Secret("\ud800")


def test_equality() -> None:
    """Equal by value, never equal to the bare text."""
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE)}) == 1
    assert copy.copy(Secret(VALUE)) == Secret(VALUE)


def test_emptiness() -> None:
    """An empty secret is false, so that it can be asked whether one is there."""
    assert Secret(VALUE)
    assert not Secret("")


def test_it_does_not_change() -> None:
    """No attribute can be set or removed."""
    secret = Secret(VALUE)
    with pytest.raises(AttributeError, match="cannot be changed"):
        secret._value = "other"  # noqa: SLF001 - the mistake under test
    with pytest.raises(AttributeError, match="cannot be changed"):
        del secret._value  # noqa: SLF001
    assert not hasattr(secret, "__dict__")


def test_it_does_not_travel() -> None:
    """Neither pickle nor JSON takes it."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps({"password": Secret(VALUE)})

"""A short kill test; `make torture` is the long one, which goes on until every state was hit."""

import asyncio

import pytest

from tests.system.torture import WISHES, Options, Tally, main, torture
from tests.system.torture_oracle import State

SHORT = Options(
    rounds=2, least=0, kills=2, limit=45, deaths=2, seed=7, wishes=(WISHES[0], WISHES[2]), hurry=0
)


@pytest.mark.timeout(240)
def test_p02_sigkill_loses_nothing() -> None:
    """Killed while it makes forty rooms and while it replaces them, it loses and doubles none."""

    def unheard(_: Tally, __: str) -> None: ...

    tally = asyncio.run(torture(SHORT, unheard))
    assert tally.violations == []
    assert (tally.rounds, tally.installations) == (2, 1)
    assert tally.kills > tally.idle
    assert sum(tally.acts[state, True] for state in State) > 0


def test_help_tells_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` and nothing else: no process is begun."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(option in shown for option in ("--rounds", "--seed", "--hits", "--limit"))

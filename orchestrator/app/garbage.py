"""The collector of cyclic garbage, set for a process that lives long and remembers much.

Python's own settings look through everything that is remembered again and again, because a pass
over ten thousand rooms makes and drops millions of small values, none of them in a cycle.  It
switches the collector off nowhere: tracebacks and tasks do make cycles.
"""

from __future__ import annotations

import gc
from typing import Final

# Values made since the last look, before the next: a turn makes some hundred, none of which stays.
_YOUNG: Final = 50_000
_MIDDLE: Final = 20  # looks at the young before one at what has survived some
_OLD: Final = 50  # (same) before one at everything that is not set aside


def set_aside() -> None:
    """Take what is remembered now out of the collector's sight; once after each beginning.

    What an earlier life had set aside is looked through once more, so that nothing of it stays.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)

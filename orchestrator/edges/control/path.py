"""What a unix socket's path may be: Linux keeps 107 bytes of it, and cuts nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PATH_MAX: Final = 107  # bytes: sun_path has 108 with the zero at its end


def problem_with(path: Path) -> str:
    """Why no socket can be at this path, with what to do; an empty text where one can."""
    length = len(os.fsencode(path))
    if length <= PATH_MAX:
        return ""
    return (
        f"the control socket's path has {length} bytes, and Linux allows {PATH_MAX}: {path}; "
        "set control.socket in config.yaml to a shorter one, as /run/room-orchestrator/control.sock"
    )

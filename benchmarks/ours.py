"""Our side of a pass: the whole daemon put together in this process, without its endless loops.

The parts are those that `room-orchestrator apply` has: real store, real client, real audit.  What
is measured is one pass over everything that is wanted or remembered, each key with its turn, and
then a resync as the daemon has it every ten minutes: the listing, and which rooms it changed.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import resource
import sys
import time
from pathlib import Path

from orchestrator.app import garbage
from orchestrator.app.build import build
from orchestrator.config import Settings, read_config

_KIB: int = 1024


def _settings(config: Path) -> Settings:
    found = read_config(config)
    if found.settings is None:
        message = "; ".join(str(problem) for problem in found.problems)
        raise ValueError(message)
    return found.settings


async def one_pass(settings: Settings, profile: Path | None) -> dict[str, float]:
    """Load, list, and give each key its turn; seconds of each, and what the process holds."""
    profiler = cProfile.Profile()
    async with build(settings, running=False) as app:
        engine = app.engine
        began = time.monotonic()
        await engine.prepare()
        garbage.set_aside()
        loaded, used = time.monotonic(), time.process_time()
        if profile is not None:
            profiler.enable()
        if not await engine.one_pass():
            message = "the listing failed"
            raise RuntimeError(message)
        passed, used = time.monotonic(), time.process_time() - used
        await engine.parts.resync.full()
        engine.parts.observations.take_changed()
        listed = time.monotonic()
        if profile is not None:
            profiler.disable()
            pstats.Stats(profiler).dump_stats(profile)
        await engine.carry_out()
        gc.collect()
        return {
            "load": loaded - began,
            "pass": passed - loaded,
            "pass_cpu": used,
            "resync": listed - passed,
            "acted": engine.reconciler.acted,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB,
        }


def main() -> int:
    """Do one pass and print its figures as JSON."""
    parser = argparse.ArgumentParser(description="one pass of the engine")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--profile", type=Path, help="write a profile of the pass there")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(one_pass(_settings(given.config), given.profile))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

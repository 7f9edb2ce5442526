"""What every test stands on: how hard the property tests try, and a clean event loop."""

import asyncio
import os

from hypothesis import HealthCheck, settings

# The clock of a shared machine must not decide whether a property holds: no deadline.
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Up to Python 3.13 the first who asks for the main thread's loop makes one.  pytest-asyncio asks,
# to put it back afterwards, and nobody closes it: a ResourceWarning in some later, innocent test.
# Once a loop was set, even none, no further one is made.
asyncio.set_event_loop(None)

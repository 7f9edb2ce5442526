"""Benchmarks: what the daemon costs beside the bare minimum that any program must do.

Not part of the package and not of the tests.  Every figure has its counterpart measured in the same
run on the same machine, by turns, so that what is compared is the two programs and not the hour.
The API is always a process of its own, the same for both sides, and its clock is the judge: a
throughput is what arrived there.  Nothing here asserts a time; tests run it tiny, to see that it
still runs.
"""

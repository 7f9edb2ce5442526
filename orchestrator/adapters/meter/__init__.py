"""The meter on prometheus_client: which metrics there are, how they are counted, and how written.

The law of this package: a metric is one row of the catalogue, from which /metrics and
docs/metrics.md are made, and a label is one of few words.  It refuses to count in the library's own
registry, which is the whole process's.
"""

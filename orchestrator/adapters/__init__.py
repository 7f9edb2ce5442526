"""One package or module a vendor or format, each behind a port of `orchestrator.ports`.

The law of this package: adapters translate and decide nothing.  They know nothing of each other,
of the engine or of the configuration: the composition root hands them values.  No foreign exception
leaves an adapter; it becomes a fault of the port, with its cause chained, and no secret goes into
a fault, a log line or a `repr`.
"""

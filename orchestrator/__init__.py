"""Keeps the meeting rooms that policies ask for.

Dependencies point one way, and import-linter holds them to it (``pyproject.toml``)::

    __main__ → cli → app → edges | engine | adapters | config | logs → ports
             → domain | meetings_server → foundation

``|`` parts packages that know nothing of each other.  Each package states its own law in the
docstring of its ``__init__``.
"""

__version__ = "0.1.0"

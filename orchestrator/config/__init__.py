"""config.yaml: frozen settings, or every problem at once.

The law of this package: it reads one file and resolves names against its folder; it opens nothing
else.  A secret never stands in the file, only where it is to be found, and it is read when it is
needed.  Nothing outside of the composition root sees `Settings`: parts are handed plain values.
"""

from orchestrator.config.reader import Configuration, Found, find_config, read_config
from orchestrator.config.secrets import SecretSource
from orchestrator.config.settings import Settings
from orchestrator.foundation.secret import SecretFault

__all__ = [
    "Configuration",
    "Found",
    "SecretFault",
    "SecretSource",
    "Settings",
    "find_config",
    "read_config",
]

"""Templates on Jinja2: expressions and filters in a sandbox, nothing else.

The law of this package: what a template can do is what a list here allows.  Work and output are
bounded before the work is done, names mean the subject's fields and never methods, and a problem
names fields but never quotes what they hold.
"""

from orchestrator.adapters.templates.rendering import SandboxedTemplates

__all__ = ["SandboxedTemplates"]

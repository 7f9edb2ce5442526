"""Documents that people write, with the line and column of everything in them.

YAML 1.2, JSON and CSV become plain values; whatever may not stand in such a file is a problem with
its place, and as many problems as can be told apart are told at once.  Refused are files that are
too large, too deep, not UTF-8, empty or half written, keys that stand twice, anchors, aliases, tags
and merge keys: a document is read as it stands, or not at all.  Nothing of a value is ever quoted
in a problem, only the names of keys.
"""

from orchestrator.foundation.documents.csv_reader import read_csv
from orchestrator.foundation.documents.document import Document, Path, Scalar, Tree
from orchestrator.foundation.documents.json_reader import read_json
from orchestrator.foundation.documents.yaml_reader import read_yaml

__all__ = ["Document", "Path", "Scalar", "Tree", "read_csv", "read_json", "read_yaml"]

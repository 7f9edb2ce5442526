"""Where all is kept: SQLite, in a file or in memory, and a folder for what was recorded.

The law of this package: SQL stays in here, moments are whole milliseconds, and the database's own
faults leave it as `StoreFault`. Inside: store → rooms | themes | uploads | sessions | recordings |
callbacks → columns; files; pictures.
"""

from orchestrator.meetings_server.storage.files import FileContents
from orchestrator.meetings_server.storage.pictures import FolderPictures, MemoryPictures
from orchestrator.meetings_server.storage.store import SqliteStore

__all__ = ["FileContents", "FolderPictures", "MemoryPictures", "SqliteStore"]

-- Bodies are JSON as `orchestrator.foundation.shapes` writes it; columns beside a body repeat what
-- is searched or must be unique.

CREATE TABLE identity (
    incarnation TEXT NOT NULL CHECK (length(incarnation) = 8),
    probes INTEGER NOT NULL DEFAULT 0    -- counted up to see whether the file can be written
) STRICT;

CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    policy TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (policy, subject)
) STRICT;

CREATE TABLE rooms (
    room_id TEXT PRIMARY KEY,            -- a room is remembered under one key
    key_id INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    role TEXT NOT NULL
) STRICT;
CREATE INDEX rooms_of_key ON rooms (key_id);
-- Promise P1, in the database: one current room a key.
CREATE UNIQUE INDEX one_current_room ON rooms (key_id) WHERE role = 'current';

CREATE TABLE operations (
    seq INTEGER PRIMARY KEY,             -- the order in which they were first recorded
    id TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX open_operations ON operations (seq) WHERE state = 'open';
CREATE INDEX open_operations_of_key ON operations (policy, subject, seq) WHERE state = 'open';
CREATE INDEX finished_operations ON operations (started_at) WHERE state <> 'open';

CREATE TABLE facts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice, also after pruning
    ts TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE policies (
    name TEXT PRIMARY KEY,
    file TEXT NOT NULL,
    version TEXT NOT NULL,
    text BLOB NOT NULL
) STRICT;

CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

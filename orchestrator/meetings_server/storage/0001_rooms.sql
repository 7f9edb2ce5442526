-- Moments are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE room (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice, or paging would skip
    id TEXT NOT NULL UNIQUE,
    application_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    metadata TEXT,
    type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    expire_after_use INTEGER NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL,
    emptied_at INTEGER,
    ended_at INTEGER,
    due_at INTEGER,                             -- when it moves on by itself
    meeting_code TEXT NOT NULL UNIQUE,
    guest_token TEXT NOT NULL UNIQUE,
    host_id TEXT NOT NULL,
    options TEXT NOT NULL                       -- JSON
) STRICT;

CREATE INDEX room_listed ON room (application_id, serial) WHERE phase <> 'deleted';
CREATE INDEX room_due ON room (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX room_ended ON room (ended_at) WHERE ended_at IS NOT NULL;

-- Counted as rooms come and go: a list says how many there are in all, and counting a hundred
-- thousand for each page would cost more than the page.
CREATE TABLE tally (
    application_id TEXT PRIMARY KEY,
    listed INTEGER NOT NULL,
    living INTEGER NOT NULL
) STRICT;

CREATE TRIGGER room_added AFTER INSERT ON room
BEGIN
    INSERT INTO tally (application_id, listed, living) VALUES (new.application_id, 1, 1)
    ON CONFLICT (application_id) DO UPDATE SET listed = listed + 1, living = living + 1;
END;

CREATE TRIGGER room_moved AFTER UPDATE OF phase ON room WHEN old.phase <> new.phase
BEGIN
    UPDATE tally
    SET listed = listed + (new.phase <> 'deleted') - (old.phase <> 'deleted'),
        living = living
            + (new.phase NOT IN ('expired', 'deleted'))
            - (old.phase NOT IN ('expired', 'deleted'))
    WHERE application_id = new.application_id;
END;

CREATE TRIGGER room_purged AFTER DELETE ON room
BEGIN
    UPDATE tally
    SET listed = listed - (old.phase <> 'deleted'),
        living = living - (old.phase NOT IN ('expired', 'deleted'))
    WHERE application_id = old.application_id;
END;

CREATE TABLE session (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    room_id TEXT NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    application_id TEXT NOT NULL,
    room_display_name TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

-- At most one that runs, whatever the code above does.
CREATE UNIQUE INDEX session_running ON session (room_id) WHERE ended_at IS NULL;
CREATE INDEX session_of_room ON session (room_id);
CREATE INDEX session_listed ON session (application_id, started_at, serial);

CREATE TABLE participant (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    is_host INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    left_at INTEGER
) STRICT;

CREATE INDEX participant_of_session ON participant (session_id);

-- Not tied to the room's row: what happened is told even when the room is purged.
CREATE TABLE callback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT;

CREATE INDEX callback_due ON callback (next_at, id);

CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

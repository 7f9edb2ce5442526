-- Not tied to the rows of its session and room, which are purged: a recording stays until its owner
-- deletes it. Its content is a file beside the database.
CREATE TABLE recording (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    application_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    paused_at INTEGER,
    paused INTEGER NOT NULL,                    -- milliseconds
    size INTEGER,
    deleted_at INTEGER
) STRICT;

CREATE INDEX recording_of_session ON recording (session_id, serial);
CREATE INDEX recording_deleted ON recording (serial) WHERE deleted_at IS NOT NULL;

-- What has no content, or none any more, is kept for the minutes of its session only.
CREATE TRIGGER session_forgotten AFTER DELETE ON session
BEGIN
    DELETE FROM recording
    WHERE session_id = old.id AND (deleted_at IS NOT NULL OR status <> 'uploaded');
END;

-- Whose event it is decides how it is signed.
ALTER TABLE callback ADD COLUMN application_id TEXT NOT NULL DEFAULT '';
ALTER TABLE callback ADD COLUMN metadata TEXT;

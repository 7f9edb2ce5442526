CREATE TABLE sessions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    is_over INTEGER NOT NULL,            -- its recordings are listed no more
    started_at TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX watched_sessions ON sessions (seq) WHERE is_over = 0;
CREATE INDEX sessions_by_start ON sessions (started_at);

CREATE TABLE recordings (
    seq INTEGER PRIMARY KEY,             -- the order in which they were first recorded
    id TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL,
    subject TEXT NOT NULL,
    is_over INTEGER NOT NULL,            -- it is at the API no more
    found_at TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX standing_recordings ON recordings (seq) WHERE is_over = 0;
CREATE INDEX recordings_of_key ON recordings (policy, subject, seq);
CREATE INDEX gone_recordings ON recordings (found_at) WHERE is_over = 1;

-- Whose a room was that is remembered no more: recordings outlive it.
CREATE INDEX operations_of_room ON operations (json_extract(body, '$.room_id'));

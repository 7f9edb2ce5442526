-- Came in over the meeting socket: the server itself knows whether they are still there, so after a
-- restart they have a while to come back. Whom a test let in stays until the test sees them out.
ALTER TABLE participant ADD COLUMN is_live INTEGER NOT NULL DEFAULT 0;

CREATE INDEX participant_live ON participant (session_id) WHERE is_live = 1 AND left_at IS NULL;

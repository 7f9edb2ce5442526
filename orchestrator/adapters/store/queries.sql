-- name: draw_incarnation
INSERT INTO identity (incarnation) SELECT :drawn WHERE NOT EXISTS (SELECT 1 FROM identity);

-- name: incarnation
SELECT incarnation FROM identity;

-- name: put_key
INSERT INTO keys (policy, subject, body) VALUES (:policy, :subject, :body)
ON CONFLICT (policy, subject) DO UPDATE SET body = excluded.body
RETURNING id;

-- name: drop_key
DELETE FROM keys WHERE policy = :policy AND subject = :subject;

-- name: clear_rooms
DELETE FROM rooms WHERE key_id = :key_id;

-- name: put_room
INSERT INTO rooms (room_id, key_id, role) VALUES (:room_id, :key_id, :role);

-- name: key_of_room
SELECT policy, subject FROM rooms JOIN keys ON keys.id = rooms.key_id WHERE room_id = :room_id;

-- name: state
SELECT body FROM keys WHERE policy = :policy AND subject = :subject;

-- name: states_after
SELECT body FROM keys WHERE (policy, subject) > (:policy, :subject)
ORDER BY policy, subject LIMIT :limit;

-- name: put_operation
INSERT INTO operations (id, policy, subject, state, started_at, body)
VALUES (:id, :policy, :subject, :state, :started_at, :body)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body
RETURNING seq;

-- name: operation
SELECT body FROM operations WHERE id = :id;

-- name: open_operations
SELECT seq, body FROM operations WHERE state = 'open' ORDER BY seq;

-- name: add_fact
INSERT INTO facts (ts, body) VALUES (:ts, :body) RETURNING seq;

-- name: facts_after
SELECT seq, ts, body FROM facts WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: last_fact
SELECT max(seq) FROM facts;

-- name: number_facts
INSERT INTO sqlite_sequence (name, seq) VALUES ('facts', :last);

-- name: put_policy
INSERT INTO policies (name, file, version, text) VALUES (:name, :file, :version, :text)
ON CONFLICT (name) DO UPDATE
SET file = excluded.file, version = excluded.version, text = excluded.text;

-- name: drop_policy
DELETE FROM policies WHERE name = :name;

-- name: policies
SELECT name, file, text, version FROM policies ORDER BY name;

-- name: put_note
INSERT INTO notes (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: drop_note
DELETE FROM notes WHERE name = :name;

-- name: notes
SELECT name, value FROM notes;

-- name: prune_operations
-- Not the one that made a room which is remembered: the room's marker names it.
DELETE FROM operations WHERE seq IN (
    SELECT seq FROM operations WHERE state <> 'open' AND started_at < :before
    AND (
        json_extract(body, '$.kind') <> 'create'
        OR NOT EXISTS (
            SELECT 1 FROM rooms WHERE room_id = json_extract(operations.body, '$.room_id')
        )
    )
    ORDER BY started_at LIMIT :limit
);

-- name: prune_facts
-- The oldest, up to the first that must stay, so that what is left has no holes.
DELETE FROM facts WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, max(ts) OVER (ORDER BY seq) AS latest
        FROM (SELECT seq, ts FROM facts WHERE seq <= :taken ORDER BY seq LIMIT :limit)
    ) WHERE latest < :before
);

-- name: quick_check
PRAGMA quick_check(1);

-- name: probe
-- It must change something: SQLite does not write a page that stays the same.
UPDATE identity SET probes = probes + 1;

-- name: put_episode
INSERT INTO episodes (id, source, digest, is_open, is_over, opened_at, body)
VALUES (:id, :source, :digest, :is_open, :is_over, :opened_at, :body)
ON CONFLICT (id) DO UPDATE
SET is_open = excluded.is_open, is_over = excluded.is_over, body = excluded.body;

-- name: standing_episodes
SELECT body FROM episodes WHERE is_over = 0 ORDER BY seq;

-- name: last_episode
SELECT body FROM episodes WHERE source = :source AND digest = :digest ORDER BY seq DESC LIMIT 1;

-- name: episodes_of
SELECT body FROM episodes WHERE source = :source AND digest = :digest
ORDER BY seq DESC LIMIT :limit;

-- name: latest_episodes
SELECT body FROM episodes ORDER BY seq DESC LIMIT :limit;

-- name: put_delivery
INSERT INTO deliveries (destination, id, ended, begun_at, body)
VALUES (:destination, :id, :ended, :begun_at, :body)
ON CONFLICT (destination, id) DO UPDATE SET ended = excluded.ended, body = excluded.body;

-- name: standing_deliveries
SELECT body FROM deliveries WHERE ended = 0 ORDER BY seq;

-- name: delivery
SELECT body FROM deliveries WHERE destination = :destination AND id = :id;

-- name: deliveries_of
SELECT body FROM deliveries WHERE id = :id ORDER BY seq;

-- name: prune_episodes
DELETE FROM episodes WHERE seq IN (
    SELECT seq FROM episodes WHERE is_over = 1 AND opened_at < :before ORDER BY seq LIMIT :limit
);

-- name: key_of_former_room
SELECT policy, subject FROM operations
WHERE json_extract(body, '$.room_id') = :room_id ORDER BY seq DESC LIMIT 1;

-- name: put_session
INSERT INTO sessions (id, is_over, started_at, body) VALUES (:id, :is_over, :started_at, :body)
ON CONFLICT (id) DO UPDATE SET is_over = excluded.is_over, body = excluded.body;

-- name: watched_sessions
SELECT body FROM sessions WHERE is_over = 0 OR started_at >= :since ORDER BY seq;

-- name: put_recording
INSERT INTO recordings (id, policy, subject, is_over, found_at, body)
VALUES (:id, :policy, :subject, :is_over, :found_at, :body)
ON CONFLICT (id) DO UPDATE
SET policy = excluded.policy, subject = excluded.subject, is_over = excluded.is_over,
    body = excluded.body;

-- name: recording
SELECT body FROM recordings WHERE id = :id;

-- name: standing_recordings
SELECT body FROM recordings WHERE is_over = 0 ORDER BY seq;

-- name: recordings_of
SELECT body FROM recordings WHERE policy = :policy AND subject = :subject
ORDER BY seq DESC LIMIT :limit;

-- name: last_copied
SELECT body FROM recordings WHERE json_extract(body, '$.copy.archive') = :archive
ORDER BY seq DESC LIMIT 1;

-- name: prune_recordings
DELETE FROM recordings WHERE seq IN (
    SELECT seq FROM recordings WHERE is_over = 1 AND found_at < :before
    ORDER BY found_at LIMIT :limit
);

-- name: prune_sessions
DELETE FROM sessions WHERE seq IN (
    SELECT seq FROM sessions WHERE is_over = 1 AND started_at < :before
    ORDER BY started_at LIMIT :limit
);

-- name: prune_deliveries
DELETE FROM deliveries WHERE seq IN (
    SELECT seq FROM deliveries WHERE ended = 1 AND begun_at < :before ORDER BY seq LIMIT :limit
);

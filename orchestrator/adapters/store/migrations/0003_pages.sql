CREATE TABLE episodes (
    seq INTEGER PRIMARY KEY,             -- the order in which they were first recorded
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    digest TEXT NOT NULL,
    is_open INTEGER NOT NULL,            -- its source has not closed it
    is_over INTEGER NOT NULL,            -- it and its room are looked after no more
    opened_at TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
-- Promise P6, in the database: one open episode a page.
CREATE UNIQUE INDEX one_open_episode ON episodes (source, digest) WHERE is_open = 1;
CREATE INDEX episodes_of_page ON episodes (source, digest, seq);
CREATE INDEX standing_episodes ON episodes (seq) WHERE is_over = 0;

CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    id TEXT NOT NULL,
    ended INTEGER NOT NULL,
    begun_at TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (destination, id)
) STRICT;
CREATE INDEX standing_deliveries ON deliveries (seq) WHERE ended = 0;

CREATE TABLE theme (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    application_id TEXT NOT NULL,
    theme_name TEXT NOT NULL,
    main_color TEXT NOT NULL,
    brand_text TEXT NOT NULL,
    short_company_url TEXT UNIQUE,              -- across all applications: it is in links
    UNIQUE (application_id, theme_name)
) STRICT;

CREATE INDEX theme_listed ON theme (application_id, serial);

CREATE TABLE default_theme (
    application_id TEXT PRIMARY KEY,
    theme_id TEXT NOT NULL REFERENCES theme (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX default_theme_of_theme ON default_theme (theme_id);

ALTER TABLE room ADD COLUMN theme_id TEXT REFERENCES theme (id);

CREATE INDEX room_themed ON room (theme_id, serial) WHERE theme_id IS NOT NULL;

-- A room as it is told about: with the segment of its links that its theme has by now.
CREATE VIEW told_room AS
SELECT room.*, theme.short_company_url AS short_company_url
FROM room LEFT JOIN theme ON theme.id = room.theme_id;

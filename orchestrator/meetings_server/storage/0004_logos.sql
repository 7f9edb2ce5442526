-- The keys of a theme's pictures; what they hold is in files.
ALTER TABLE theme ADD COLUMN brand_image_colored TEXT;
ALTER TABLE theme ADD COLUMN brand_image_white TEXT;
ALTER TABLE theme ADD COLUMN branded_favicon TEXT;

CREATE UNIQUE INDEX theme_colored ON theme (brand_image_colored);
CREATE UNIQUE INDEX theme_white ON theme (brand_image_white);
CREATE UNIQUE INDEX theme_favicon ON theme (branded_favicon);

-- What was uploaded and is no theme's yet.
CREATE TABLE logo_upload (
    key TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    type TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX logo_upload_expiring ON logo_upload (expires_at);
CREATE INDEX logo_upload_of_application ON logo_upload (application_id);

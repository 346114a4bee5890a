-- +goose Up
-- Public keys by which people sign in at the SSH entrance. A key is one user's alone.
CREATE TABLE ssh_keys (
    fingerprint TEXT PRIMARY KEY, -- SHA256:...
    user_name   TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    public      TEXT NOT NULL, -- as in authorized_keys
    created     BIGINT NOT NULL
);

CREATE INDEX ssh_keys_by_user ON ssh_keys (user_name);

-- When the user last proved themselves to open the session: that of a terminal goes by that of the browser that opened it.
ALTER TABLE web_sessions ADD COLUMN proven BIGINT NOT NULL DEFAULT 0;

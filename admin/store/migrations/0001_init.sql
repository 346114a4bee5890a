-- Plain SQL that SQLite and PostgreSQL both take. Times are microseconds since 1970 in UTC, 0 for never; lists and
-- documents are JSON text; hashes are SHA-256 in hex.

CREATE TABLE users (
    name                    TEXT PRIMARY KEY,
    kind                    TEXT NOT NULL,
    groups                  TEXT NOT NULL,
    roles                   TEXT NOT NULL,
    suspended               BOOLEAN NOT NULL,
    created                 BIGINT NOT NULL,
    certificates_valid_from BIGINT NOT NULL
);

CREATE TABLE roles (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL
);

CREATE TABLE resources (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL
);

CREATE TABLE credentials (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL
);

CREATE TABLE tokens (
    id          TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    user_name   TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    label       TEXT NOT NULL,
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL,
    last_used   BIGINT NOT NULL
);

CREATE INDEX tokens_by_user ON tokens (user_name);

CREATE TABLE sign_in_links (
    hash      TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    expires   BIGINT NOT NULL
);

CREATE INDEX sign_in_links_by_user ON sign_in_links (user_name);

CREATE TABLE web_sessions (
    hash      TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL
);

CREATE INDEX web_sessions_by_user ON web_sessions (user_name);

CREATE TABLE authorities (
    name        TEXT PRIMARY KEY,
    certificate TEXT NOT NULL,
    sealed_key  TEXT NOT NULL
);

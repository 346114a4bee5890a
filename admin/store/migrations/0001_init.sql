-- Plain SQL that SQLite and PostgreSQL both take. Times are microseconds since 1970 in UTC, 0 for never; lists and
-- documents are JSON text; hashes are SHA-256 in hex.

-- +goose Up

CREATE TABLE users (
    name                    TEXT PRIMARY KEY,
    kind                    TEXT NOT NULL,
    title                   TEXT NOT NULL,
    email                   TEXT NOT NULL,
    groups                  TEXT NOT NULL,
    claimed_groups          TEXT NOT NULL,
    roles                   TEXT NOT NULL,
    workloads               TEXT NOT NULL,
    suspended               BOOLEAN NOT NULL,
    source                  TEXT NOT NULL,
    created                 BIGINT NOT NULL,
    certificates_valid_from BIGINT NOT NULL
);

-- What a directory that pushes by SCIM calls a user or a group, and the attributes of its that are kept for it.
-- Version counts changes and is the ETag.
CREATE TABLE scim_objects (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL, -- user or group
    name        TEXT NOT NULL, -- of the user or group here
    external_id TEXT NOT NULL,
    attributes  TEXT NOT NULL,
    version     BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    UNIQUE (kind, name)
);

CREATE TABLE groups (
    name    TEXT PRIMARY KEY,
    source  TEXT NOT NULL,
    created BIGINT NOT NULL
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

CREATE TABLE policies (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL
);

CREATE TABLE grants (
    id         TEXT PRIMARY KEY,
    user_name  TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    ends       BIGINT NOT NULL,
    spec       TEXT NOT NULL
);

CREATE INDEX grants_by_user ON grants (user_name);

CREATE INDEX grants_by_end ON grants (ends);

CREATE TABLE access_requests (
    id        TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    status    TEXT NOT NULL,
    created   BIGINT NOT NULL,
    spec      TEXT NOT NULL
);

CREATE INDEX access_requests_by_status ON access_requests (status, created);

CREATE INDEX access_requests_by_user ON access_requests (user_name);

CREATE INDEX access_requests_by_time ON access_requests (created);

CREATE TABLE tokens (
    id          TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    user_name   TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    label       TEXT NOT NULL,
    scope       TEXT NOT NULL, -- JSON, or empty
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL,
    last_used   BIGINT NOT NULL
);

CREATE INDEX tokens_by_user ON tokens (user_name);

-- Secrets that are good for one use: sign-in links, join tokens of gateways, codes and states of sign-ins under way,
-- links to approve by. Data is JSON of the purpose's own.
CREATE TABLE one_time_secrets (
    hash      TEXT PRIMARY KEY,
    purpose   TEXT NOT NULL,
    user_name TEXT REFERENCES users (name) ON DELETE CASCADE,
    data      TEXT NOT NULL,
    expires   BIGINT NOT NULL
);

CREATE INDEX one_time_secrets_by_user ON one_time_secrets (user_name);

CREATE INDEX one_time_secrets_by_expiry ON one_time_secrets (expires);

-- Sign-ins that are open: kind is web for a browser's cookie, client for a local client's refresh secret. A client's
-- secret is replaced at each use, and the hash before is that of the one before; the id stays, and who names it with
-- any other secret has stolen it, or was stolen from, and the session ends. Provider names the provider_grants that it
-- goes by; empty: none.
CREATE TABLE web_sessions (
    hash        TEXT PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    hash_before TEXT NOT NULL,
    kind        TEXT NOT NULL,
    user_name   TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL,
    last_used   BIGINT NOT NULL,
    mfa         BIGINT NOT NULL,
    provider    TEXT NOT NULL
);

CREATE INDEX web_sessions_by_user ON web_sessions (user_name);

CREATE INDEX web_sessions_by_hash_before ON web_sessions (hash_before);

CREATE INDEX web_sessions_by_provider ON web_sessions (provider);

CREATE INDEX web_sessions_by_expiry ON web_sessions (expires);

-- What the identity provider granted with a sign-in, by which it is asked whether the sign-in still holds. Several
-- sessions go by one grant when one of them signed in the others.
CREATE TABLE provider_grants (
    id        TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    token     TEXT NOT NULL,   -- the provider's refresh token, sealed
    asked     BIGINT NOT NULL, -- when the provider was last asked; a later answer may be under way
    away      BIGINT NOT NULL  -- since when it has not answered; 0: it did
);

CREATE INDEX provider_grants_by_user ON provider_grants (user_name);

-- Who a user is at the identity provider, so that a name that is given to somebody else there does not bring them what
-- the former holder had.
CREATE TABLE provider_subjects (
    user_name TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    UNIQUE (issuer, subject)
);

CREATE TABLE passkeys (
    id        TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    label     TEXT NOT NULL,
    spec      TEXT NOT NULL,
    created   BIGINT NOT NULL,
    last_used BIGINT NOT NULL
);

CREATE INDEX passkeys_by_user ON passkeys (user_name);

-- Hashes of passwords, argon2id in PHC form, of local accounts for break-glass.
CREATE TABLE passwords (
    user_name TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    hash      TEXT NOT NULL,
    created   BIGINT NOT NULL
);

-- Enrolled gateways. Serial is that of the certificate that counts, followed by that of the one which will once it is
-- used; generation the newest that the gateway applied.
CREATE TABLE gateways (
    name       TEXT PRIMARY KEY,
    spec       TEXT NOT NULL,
    serial     TEXT NOT NULL,
    created    BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    sessions   TEXT NOT NULL -- JSON of its last report: its version and the sessions that are open
);

-- What gateways cut when they applied a generation.
CREATE TABLE cuts (
    gateway    TEXT NOT NULL REFERENCES gateways (name) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    sessions   TEXT NOT NULL,
    PRIMARY KEY (gateway, generation)
);

CREATE INDEX cuts_by_generation ON cuts (generation);

-- Signed receipts of what was cut when somebody was put out.
CREATE TABLE receipts (
    id        TEXT PRIMARY KEY,
    user_name TEXT NOT NULL,
    created   BIGINT NOT NULL,
    document  TEXT NOT NULL
);

CREATE INDEX receipts_by_user ON receipts (user_name, id);

-- One row; it grows with every change, so that several control planes notice each other's.
CREATE TABLE generation (
    n BIGINT NOT NULL
);

INSERT INTO generation (n) VALUES (1);

CREATE TABLE authorities (
    name        TEXT PRIMARY KEY,
    certificate TEXT NOT NULL,
    sealed_key  TEXT NOT NULL
);

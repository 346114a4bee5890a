-- +goose Up
-- Which keys of the SSH authorities count. An authority without a row has its first key alone.
CREATE TABLE ssh_authorities (
    name    TEXT PRIMARY KEY, -- users, hosts or logins
    signs   BIGINT NOT NULL,  -- the number of the key that signs
    other   BIGINT NOT NULL,  -- that of the key that counts besides; 0: none
    changed BIGINT NOT NULL
);

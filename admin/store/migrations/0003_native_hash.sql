-- +goose Up
-- What proves a token to MySQL clients that know mysql_native_password alone; empty for tokens from before.
ALTER TABLE tokens ADD COLUMN native_hash TEXT NOT NULL DEFAULT '';

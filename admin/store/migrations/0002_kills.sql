-- +goose Up
-- Orders to end a session at a gateway that may hang on another control plane than the one that was asked.
CREATE TABLE kills (
    session TEXT NOT NULL,
    gateway TEXT NOT NULL,
    reason  TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (session, gateway)
);

CREATE INDEX kills_by_gateway ON kills (gateway);

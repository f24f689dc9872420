-- +goose Up
-- Incidents, as one document each; serial is of optimistic concurrency, opened
-- (microseconds) is the order of lists.
CREATE TABLE incidents (
    id     TEXT PRIMARY KEY,
    serial BIGINT NOT NULL,
    opened BIGINT NOT NULL,
    body   TEXT NOT NULL
);
CREATE INDEX incidents_opened ON incidents (opened, id);

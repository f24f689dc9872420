-- +goose Up
-- What was asked for of each service of the runtime: its revisions, its target,
-- its canary, as one document; serial is of optimistic concurrency.
CREATE TABLE services (
    name   TEXT PRIMARY KEY,
    serial BIGINT NOT NULL,
    body   TEXT NOT NULL
);

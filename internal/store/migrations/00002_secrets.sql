-- +goose Up
-- The vault: sealed values (base64 of age files) by name and version, and what
-- belongs to secrets of any store: the ledger of writes, by fingerprint, and
-- the journal of rotations.
CREATE TABLE vault_key (
    one BIGINT PRIMARY KEY,
    id  TEXT NOT NULL
);

CREATE TABLE vault_secrets (
    name    TEXT PRIMARY KEY,
    current BIGINT NOT NULL,
    last    BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    tags    TEXT NOT NULL
);

CREATE TABLE vault_versions (
    name    TEXT NOT NULL REFERENCES vault_secrets (name),
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    token   TEXT NOT NULL,
    pending BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    sealed  TEXT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE secret_ledger (
    ref         TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    action      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    version     TEXT NOT NULL,
    updated     BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (ref, seq)
);

CREATE TABLE secret_rotations (
    id      TEXT PRIMARY KEY,
    ref     TEXT NOT NULL,
    lock    TEXT NOT NULL UNIQUE,
    rev     BIGINT NOT NULL,
    started BIGINT NOT NULL,
    body    TEXT NOT NULL
);

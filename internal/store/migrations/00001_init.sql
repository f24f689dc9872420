-- +goose Up
-- One schema for SQLite and PostgreSQL: TEXT and BIGINT only, times in
-- microseconds since the Unix epoch (0: never).
CREATE TABLE accounts (
    name    TEXT PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE grants (
    account   TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    namespace TEXT NOT NULL,
    role      TEXT NOT NULL,
    PRIMARY KEY (account, namespace)
);

CREATE TABLE tokens (
    id        TEXT PRIMARY KEY,
    account   TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    hash      TEXT NOT NULL UNIQUE,
    note      TEXT NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    revoked   BIGINT NOT NULL
);

CREATE INDEX tokens_account ON tokens (account);

CREATE TABLE audit (
    idx  BIGINT PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE sessions (
    owner    TEXT NOT NULL,
    name     TEXT NOT NULL,
    title    TEXT NOT NULL,
    messages BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    updated  BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);

CREATE TABLE session_messages (
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    seq   BIGINT NOT NULL,
    role  TEXT NOT NULL,
    body  TEXT NOT NULL,
    at    BIGINT NOT NULL,
    PRIMARY KEY (owner, name, seq),
    FOREIGN KEY (owner, name) REFERENCES sessions (owner, name) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE session_messages;
DROP TABLE sessions;
DROP TABLE audit;
DROP TABLE tokens;
DROP TABLE grants;
DROP TABLE accounts;

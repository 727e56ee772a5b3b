-- Up to when the tokens of removed clients are dead, should a client be registered by the same id: they may be dated a moment ahead.
CREATE TABLE removed_clients (
    id TEXT PRIMARY KEY,
    tokens_revoked_at BIGINT NOT NULL
);

-- The keys that sealed the audit trail, each sealed under the master secret in use: a trail outlives the secret that a key came from.
CREATE TABLE audit_keys (
    id BYTEA PRIMARY KEY,
    sealed BYTEA NOT NULL
);

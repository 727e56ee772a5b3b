-- Times are BIGINT Unix seconds, lists and scopes are space-delimited texts, claims are JSON texts: the same on PostgreSQL.

CREATE TABLE registry (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    recovery_until BIGINT
);

INSERT INTO registry (id, version) VALUES (1, 1);

CREATE TABLE users (
    id BLOB PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    email TEXT,
    claims TEXT NOT NULL,
    password_hash TEXT,
    credentials_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash BLOB,
    grants TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    serves TEXT NOT NULL,
    first_party BOOLEAN NOT NULL,
    may_introspect BOOLEAN NOT NULL,
    admin BOOLEAN NOT NULL,
    access_lifetime BIGINT,
    rotation BOOLEAN NOT NULL,
    reuse_window BIGINT,
    recovery TEXT NOT NULL,
    idle_lifetime BIGINT,
    absolute_lifetime BIGINT,
    version BIGINT NOT NULL,
    tokens_revoked_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);


CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    generation BIGINT NOT NULL,
    current_hash BLOB NOT NULL,
    parent_hash BLOB,
    rotated_at BIGINT NOT NULL,
    anchor_generation BIGINT,
    anchor_at BIGINT,
    created_at BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_reason TEXT,
    device_name TEXT,
    user_agent TEXT,
    ip TEXT
);

CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_client_id ON sessions (client_id);

CREATE TABLE revoked_tokens (
    jti BLOB PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    sealed_private BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    signs_from BIGINT NOT NULL
);

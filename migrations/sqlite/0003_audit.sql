-- What happened, in chains: each event is sealed together with the one before it of the same writer, under a key that isn't in
-- the database. Nothing references other tables: events outlive what they tell of.
CREATE TABLE audit_events (
    writer BLOB NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    count BIGINT NOT NULL,
    reason TEXT,
    actor TEXT NOT NULL,
    user_id BLOB,
    client_id TEXT,
    session_id BLOB,
    jti BLOB,
    target TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT,
    seal BLOB NOT NULL,
    PRIMARY KEY (writer, seq)
);

CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_user_id ON audit_events (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_session_id ON audit_events (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX audit_events_jti ON audit_events (jti) WHERE jti IS NOT NULL;

-- Where each chain begins and ends.
CREATE TABLE audit_chains (
    writer BLOB PRIMARY KEY,
    seq BIGINT NOT NULL,
    seal BLOB NOT NULL,
    head_seal BLOB NOT NULL,
    start_seq BIGINT NOT NULL,
    start_after BLOB NOT NULL,
    start_seal BLOB NOT NULL
);

-- Which chains there are: their writers, folded into one.
CREATE TABLE audit_register (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    writers BLOB NOT NULL,
    seal BLOB
);

INSERT INTO audit_register (id, writers) VALUES (1, zeroblob(32));

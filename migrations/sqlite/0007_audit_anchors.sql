-- compatible-from: 5
-- Beside each event `audit.anchored` and `audit.sealed`, of the same writer and number: where the chains ended at that moment. The
-- event holds the SHA-256 of the list. Purged with the event.
CREATE TABLE audit_anchors (
    writer BLOB NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    chains BLOB NOT NULL,
    PRIMARY KEY (writer, seq)
);

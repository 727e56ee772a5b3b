-- Sign-ins that failed lately, by a keyed digest of the account's name or of the device: names that nobody has are in it too.
CREATE TABLE sign_in_attempts (
    key BYTEA PRIMARY KEY,
    forgotten_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

CREATE INDEX sign_in_attempts_forgotten_at ON sign_in_attempts (forgotten_at);

-- Device tokens that were made before this moment are no more than any device's.
ALTER TABLE users ADD COLUMN devices_known_from BIGINT NOT NULL DEFAULT 0;

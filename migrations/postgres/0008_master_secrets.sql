-- compatible-from: 5
-- Up to when the master secret that the key comes from made refresh tokens. None: it made none that is known of.
ALTER TABLE audit_keys ADD COLUMN used_until BIGINT;

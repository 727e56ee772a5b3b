-- compatible-from: 5
-- The web origins whose pages may speak for a client, space-delimited; none: those of the configuration.
ALTER TABLE clients ADD COLUMN allowed_origins TEXT NOT NULL DEFAULT '';

-- The `typ` header of a client's access tokens: at+jwt (RFC 9068) or JWT.
ALTER TABLE clients ADD COLUMN token_typ TEXT NOT NULL DEFAULT 'at+jwt';

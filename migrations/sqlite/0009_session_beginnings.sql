-- compatible-from: 5
-- How a session began: the `grant_type`, and how its user was authenticated (RFC 8176, words with a space between). The defaults hold for
-- every session of a version that doesn't write these columns.
ALTER TABLE sessions ADD COLUMN grant_type TEXT NOT NULL DEFAULT 'password';
ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';

//! Migrations from 0006 on. Each file begins with `-- compatible-from: N`: programs whose newest migration is N or later can use the
//! database after it. One that begins with `-- no-transaction` holds one statement, such as `CREATE INDEX CONCURRENTLY`.

use sqlx::migrate::{MigrateError, Migration};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::audit::AuditKeys;
use crate::store::audit_events::register;
use crate::store::engine::{Handle, StartError, from_row};

/// The migration that the audit trail begins with. A database in which nothing has happened yet is sealed in its transaction.
const AUDIT_ANCHORS: i64 = 7;

/// How the database's tables stand to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// They are the ones that it knows.
    Current,
    /// So many migrations are missing.
    Behind(usize),
    /// A newer version of this program has migrated them, up to this migration, and left them usable for this one.
    Ahead(i64),
}

from_row! {
    /// A migration of this or of a newer program that the database has.
    #[derive(Clone, Copy, Debug)]
    pub(in crate::store) struct Recorded {
        pub(super) version: i64,
        pub(super) compatible_from: i64,
    }
}

pub(super) const RECORDED: &str = "SELECT version, compatible_from FROM schema_migrations ORDER BY version";

const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, compatible_from BIGINT NOT NULL)";

const RECORD: &str = "INSERT INTO schema_migrations (version, compatible_from) VALUES ($1, $2)";

/// A concurrent build that broke off leaves an index that is never used and never finished.
const UNFINISHED: &str = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_index i \
     JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE NOT i.indisvalid AND n.nspname = current_schema()";

/// How a database with these `recorded` migrations stands to a program that knows `known`. Of the first five it lacks `missing`.
/// [`StartError::Newer`] if the program is too old for the database.
pub(super) fn state(
    missing: usize,
    known: &[Migration],
    newest: i64,
    recorded: &[Recorded],
) -> Result<MigrationState, StartError> {
    if let Some(refusing) = recorded.iter().find(|recorded| recorded.compatible_from > newest) {
        return Err(StartError::Newer(refusing.version));
    }
    let is_recorded = |migration: &&Migration| recorded.iter().any(|recorded| recorded.version == migration.version);
    match missing + known.len() - known.iter().filter(is_recorded).count() {
        0 => {}
        missing => return Ok(MigrationState::Behind(missing)),
    }
    match recorded.last() {
        Some(last) if last.version > newest => Ok(MigrationState::Ahead(last.version)),
        _ => Ok(MigrationState::Current),
    }
}

/// The oldest newest-known migration of a program that can use the database after this one; its own version if it doesn't say.
pub(super) fn compatible_from(migration: &Migration) -> i64 {
    let said = migration.sql.as_str().lines().find_map(|line| line.strip_prefix("-- compatible-from:"));
    said.and_then(|version| version.trim().parse().ok()).unwrap_or(migration.version)
}

macro_rules! apply {
    ($name:ident, $connection:ty, $engine:ident) => {
        /// Applies what isn't recorded, each with its record in one transaction, unless it says that it needs none.
        pub(super) async fn $name(
            on: &mut $connection,
            migrations: &[Migration],
            keys: &AuditKeys,
        ) -> Result<(), MigrateError> {
            sqlx::raw_sql(CREATE).execute(&mut *on).await?;
            let recorded: Vec<i64> = sqlx::query_scalar(RECORDED).fetch_all(&mut *on).await?;
            for migration in migrations.iter().filter(|migration| !recorded.contains(&migration.version)) {
                let failed = |error| MigrateError::ExecuteMigration(error, migration.version);
                let record = || sqlx::query(RECORD).bind(migration.version).bind(compatible_from(migration));
                if migration.no_tx {
                    sqlx::raw_sql(migration.sql.clone()).execute(&mut *on).await.map_err(failed)?;
                    record().execute(&mut *on).await.map_err(failed)?;
                    continue;
                }
                let mut unit = on.begin().await?;
                sqlx::raw_sql(migration.sql.clone()).execute(&mut *unit).await.map_err(failed)?;
                if migration.version == AUDIT_ANCHORS {
                    let begun = register::begin(Handle::$engine(&mut unit), keys).await;
                    begun.map_err(|error| MigrateError::Source(error.into()))?;
                }
                record().execute(&mut *unit).await.map_err(failed)?;
                unit.commit().await?;
            }
            Ok(())
        }
    };
}

apply!(apply_sqlite, SqliteConnection, Sqlite);
apply!(apply_unlocked, PgConnection, Postgres);

/// As [`apply_sqlite`], by a connection whose node has the migration lock.
pub(super) async fn apply_postgres(
    on: &mut PgConnection,
    migrations: &[Migration],
    keys: &AuditKeys,
) -> Result<(), MigrateError> {
    let unfinished: Vec<String> = sqlx::query_scalar(UNFINISHED).fetch_all(&mut *on).await?;
    for index in unfinished {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX CONCURRENTLY {index}"))).execute(&mut *on).await?;
    }
    apply_unlocked(on, migrations, keys).await
}

#[cfg(test)]
mod tests {
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::MigrationType;

    use super::*;

    fn migration(version: i64, sql: &'static str) -> Migration {
        Migration::new(version, "x".into(), MigrationType::Simple, sql.into_sql_str(), false)
    }

    fn recorded(rows: &[(i64, i64)]) -> Vec<Recorded> {
        rows.iter().map(|&(version, compatible_from)| Recorded { version, compatible_from }).collect()
    }

    #[test]
    fn an_older_program_starts_on_every_newer_schema_that_it_can_use() {
        let known = [migration(6, ""), migration(7, "")];
        let state = |missing, rows: &[(i64, i64)]| match state(missing, &known, 7, &recorded(rows)) {
            Err(StartError::Newer(version)) => Err(version),
            state => Ok(state.unwrap()),
        };
        assert_eq!(state(0, &[(6, 5), (7, 5)]), Ok(MigrationState::Current));
        assert_eq!(state(5, &[]), Ok(MigrationState::Behind(7)));
        assert_eq!(state(0, &[(6, 5)]), Ok(MigrationState::Behind(1)));
        assert_eq!(state(0, &[(6, 5), (7, 5), (8, 7)]), Ok(MigrationState::Ahead(8)));
        assert_eq!(state(0, &[(6, 5), (7, 5), (8, 8)]), Err(8));
        assert_eq!(state(0, &[(6, 5), (7, 5), (8, 8), (9, 6)]), Err(8), "what follows mends nothing");
    }

    #[test]
    fn a_migration_that_says_nothing_is_for_programs_that_know_it() {
        assert_eq!(compatible_from(&migration(9, "-- compatible-from: 6\nSELECT 1")), 6);
        assert_eq!(compatible_from(&migration(9, "SELECT 1")), 9);
    }

    /// On a million rows an index that isn't built concurrently blocks writes for a second.
    #[test]
    fn later_migrations_say_whom_they_are_for_and_block_nobody() {
        for migrations in [&super::super::POSTGRES.later, &super::super::SQLITE.later] {
            for migration in migrations {
                let sql = migration.sql.as_str();
                assert!(compatible_from(migration) < migration.version, "{} is not expand-only", migration.version);
                assert!(!sql.contains("ALTER TYPE") && !sql.contains("TYPE USING"), "{}", migration.version);
            }
        }
        for migration in &super::super::POSTGRES.later {
            let sql = migration.sql.as_str();
            let index =
                ["users", "sessions", "audit_events"].iter().any(|table| sql.contains(&format!("ON {table} (")));
            assert!(!index || (migration.no_tx && sql.contains("INDEX CONCURRENTLY")), "{}", migration.version);
        }
    }
}

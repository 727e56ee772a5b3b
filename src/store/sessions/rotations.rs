//! The compare-and-swap of a refresh in one statement, many sessions at a time (docs/design.md#exchange): it asks by itself whether the
//! presented token is current and its session alive, and answers with the session as it is then.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde::Deserialize;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{PgConnection, Postgres, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::domain::{Rotation, Scope, SessionId, SessionLife, UserId};
use crate::store::column;
use crate::store::engine::{Connection, Db, Handle, PinnedConnection, Statement, StoreError, Values, from_row};

/// A session that has just been exchanged: what its next access token says.
#[derive(Debug)]
pub struct Rotated {
    /// The session.
    pub session_id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// [`crate::domain::Session::scope`].
    pub scope: Scope,
    /// [`crate::domain::Session::audience`].
    pub audience: Vec<String>,
    /// [`crate::domain::Session::auth_time`].
    pub auth_time: UnixTime,
    /// The session's times.
    pub life: SessionLife,
}

from_row! {
    /// As PostgreSQL's row, or as SQLite's JSON array with bytes in hexadecimal.
    #[derive(Deserialize)]
    pub(in crate::store) struct RotatedRow {
        id: Uuid as hex,
        user_id: Uuid as hex,
        scope: String,
        audience: String,
        auth_time: i64,
        created_at: i64,
        last_used_at: i64,
        idle_expires_at: i64,
        expires_at: i64,
    }
    columns = rotated_columns;
    json = rotated_json;
}

impl TryFrom<RotatedRow> for Rotated {
    type Error = StoreError;

    fn try_from(row: RotatedRow) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: SessionId(row.id),
            user_id: UserId(row.user_id),
            scope: column::parse(&row.scope, "sessions.scope")?,
            audience: column::words(&row.audience),
            auth_time: row.auth_time,
            life: SessionLife {
                created_at: row.created_at,
                last_used_at: row.last_used_at,
                idle_expires_at: row.idle_expires_at,
                expires_at: row.expires_at,
                is_revoked: false,
            },
        })
    }
}

/// The columns of a [`Rotation`], $1 to $9.
macro_rules! rotations_postgres {
    ($alias:literal) => {
        concat!(
            "unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS ",
            $alias,
            " (id, presented, successor, client_id, now, window_began_at, idle_expires_at, used_after, began_after)"
        )
    };
}

/// The user isn't read: a session that hasn't ended has an enabled user (docs/design.md#exchange).
macro_rules! rotate_postgres {
    ($with:literal, $from:expr) => {
        concat!(
            $with,
            "UPDATE sessions s SET parent_hash = s.current_hash, current_hash = r.successor, \
             generation = s.generation + 1, rotated_at = r.now, last_used_at = r.now, idle_expires_at = r.idle_expires_at, \
             anchor_generation = CASE WHEN s.rotated_at <= r.window_began_at THEN s.generation ELSE s.anchor_generation END, \
             anchor_at = CASE WHEN s.rotated_at <= r.window_began_at THEN r.now ELSE s.anchor_at END FROM ",
            $from,
            " WHERE s.id = r.id AND s.current_hash = r.presented AND s.client_id = r.client_id AND s.revoked_at IS NULL \
             AND s.idle_expires_at > r.now AND s.expires_at > r.now AND s.last_used_at > r.used_after \
             AND s.created_at > r.began_after RETURNING ",
            rotated_columns!("s.")
        )
    };
}

/// Waits 20 ms for a locked row, far less than PostgreSQL's `deadlock_timeout`: the batch gives up before PostgreSQL would call it a
/// deadlock. The setting ends with the statement.
const ROTATE_POSTGRES: &str = rotate_postgres!(
    "WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', '20ms', true)) ",
    concat!("patience, ", rotations_postgres!("r"))
);

/// As [`ROTATE_POSTGRES`], but a row that somebody holds is left out: its token has to be judged. The lock of each row is one
/// more write (docs/performance.md#what-was-found).
const ROTATE_FREE_POSTGRES: &str = rotate_postgres!(
    "",
    concat!(
        "(SELECT p.* FROM ",
        rotations_postgres!("p"),
        " JOIN sessions t ON t.id = p.id AND t.current_hash = p.presented FOR NO KEY UPDATE OF t SKIP LOCKED) AS r"
    )
);

/// A statement that failed later than this met the lock of a whole table, for which it waits 2 s. Without locked rows it would wait
/// as long once more.
const ROW_LOCK: Duration = Duration::from_millis(500);

/// For how long locked rows are left out at once after one was met: a transaction that locks one row may lock many.
const LEAVING_OUT: Duration = Duration::from_secs(1);

/// What each rotation asks of its session. SQLite uses no index for a column with a `+`, so it must begin with the items.
macro_rules! of_a_living_session {
    () => {
        "s.client_id = +r.column4 AND s.revoked_at IS NULL AND s.idle_expires_at > +r.column5 \
         AND s.expires_at > +r.column5 AND s.last_used_at > +r.column8 AND s.created_at > +r.column9"
    };
}

pub(in crate::store) static ROTATE_SQLITE: Values = Values::new(
    "UPDATE sessions AS s SET parent_hash = s.current_hash, current_hash = r.column3, generation = s.generation + 1, \
     rotated_at = r.column5, last_used_at = r.column5, idle_expires_at = r.column7, \
     anchor_generation = iif(s.rotated_at <= r.column6, s.generation, s.anchor_generation), \
     anchor_at = iif(s.rotated_at <= r.column6, r.column5, s.anchor_at) FROM (",
    9,
    concat!(") AS r WHERE s.id = +r.column1 AND s.current_hash = +r.column2 AND ", of_a_living_session!()),
);

/// What was rotated, as one JSON text: the driver would wake this side for each row of a `RETURNING`, and the writer wait. A token that
/// is presented twice within a second has the same successor, so this also finds what was rotated just before: only for its client, and
/// while it lives.
pub(in crate::store) static ROTATED_SQLITE: Values = Values::new(
    concat!("SELECT json_group_array(", rotated_json!("s."), ") FROM ("),
    9,
    concat!(
        ") AS r CROSS JOIN sessions s ON s.id = r.column1 AND s.current_hash = +r.column3 AND ",
        of_a_living_session!()
    ),
);

/// A lane of rotations.
pub(in crate::store) struct Rotations {
    pinned: PinnedConnection,
    held: HeldRows,
}

/// When somebody was last seen to hold a row.
#[derive(Default)]
struct HeldRows(Option<Instant>);

impl HeldRows {
    fn are_expected(&self) -> bool {
        self.0.is_some_and(|met| met.elapsed() < LEAVING_OUT)
    }
}

impl Rotations {
    pub(in crate::store) fn new(db: &Db) -> Self {
        Self { pinned: PinnedConnection::new(db), held: HeldRows::default() }
    }
}

/// One rotation a session: of two in a batch the second loses, as it would in a statement of its own.
impl Statement for Rotations {
    type Item = Rotation;
    type Outcome = Option<RotatedRow>;

    async fn run(&mut self, rotations: &[Rotation]) -> Result<Vec<Option<RotatedRow>>, StoreError> {
        let mut seen = HashSet::with_capacity(rotations.len());
        let mut firsts: Vec<&Rotation> = rotations.iter().filter(|rotation| seen.insert(rotation.session_id)).collect();
        // Every statement that locks several sessions locks them in the order of their ids.
        firsts.sort_unstable_by_key(|rotation| rotation.session_id.0);
        let Self { pinned, held } = self;
        let stored = pinned.write(async |on| store(on, &firsts, held).await).await?;
        let mut stored: HashMap<Uuid, RotatedRow> = stored.into_iter().map(|row| (row.id, row)).collect();
        Ok(rotations.iter().map(|rotation| stored.remove(&rotation.session_id.0)).collect())
    }
}

async fn store(
    connection: &mut Connection,
    rotations: &[&Rotation],
    held: &mut HeldRows,
) -> Result<Vec<RotatedRow>, StoreError> {
    match connection.handle() {
        Handle::Postgres(on) => store_postgres(on, rotations, held).await,
        Handle::Sqlite(on) => store_sqlite(on, rotations).await,
    }
}

async fn store_postgres(
    on: &mut PgConnection,
    rotations: &[&Rotation],
    held: &mut HeldRows,
) -> Result<Vec<RotatedRow>, StoreError> {
    if !held.are_expected() {
        let begun = Instant::now();
        match arrays(ROTATE_POSTGRES, rotations).fetch_all(&mut *on).await.map_err(StoreError::from) {
            Err(error) if error.is_of_lock() && begun.elapsed() < ROW_LOCK => held.0 = Some(Instant::now()),
            stored => return stored,
        }
    }
    Ok(arrays(ROTATE_FREE_POSTGRES, rotations).fetch_all(on).await?)
}

async fn store_sqlite(on: &mut SqliteConnection, rotations: &[&Rotation]) -> Result<Vec<RotatedRow>, StoreError> {
    // The writer is ours until the answer is there, so nobody of this process rotates in between. What another
    // process may do to a session then is the same as if it had come a moment later.
    if rows(&ROTATE_SQLITE, rotations).execute(&mut *on).await?.rows_affected() == 0 {
        return Ok(Vec::new());
    }
    let row = rows(&ROTATED_SQLITE, rotations).fetch_one(on).await?;
    serde_json::from_str::<Vec<RotatedRow>>(row.try_get(0)?).map_err(|_| StoreError::Unreadable("sessions"))
}

type Query<'q, D> = sqlx::query::Query<'q, D, <D as sqlx::Database>::Arguments>;

/// A column of PostgreSQL's statement is an array.
fn arrays<'q>(statement: &'static str, rotations: &[&Rotation]) -> QueryAs<'q, Postgres, RotatedRow, PgArguments> {
    let times = |of: fn(&Rotation) -> i64| rotations.iter().map(|rotation| of(rotation)).collect::<Vec<i64>>();
    sqlx::query_as(statement)
        .bind(rotations.iter().map(|rotation| rotation.session_id.0).collect::<Vec<Uuid>>())
        .bind(rotations.iter().map(|rotation| rotation.presented.as_bytes().to_vec()).collect::<Vec<_>>())
        .bind(rotations.iter().map(|rotation| rotation.successor.as_bytes().to_vec()).collect::<Vec<_>>())
        .bind(rotations.iter().map(|rotation| rotation.client_id.to_string()).collect::<Vec<_>>())
        .bind(times(|rotation| rotation.now))
        .bind(times(|rotation| rotation.window_began_at))
        .bind(times(|rotation| rotation.idle_expires_at))
        .bind(times(|rotation| rotation.used_after))
        .bind(times(|rotation| rotation.began_after))
}

/// A row of SQLite's statements is a rotation.
fn rows<'q>(statement: &'static Values, rotations: &'q [&'q Rotation]) -> Query<'q, Sqlite> {
    rotations.iter().fold(sqlx::query(statement.of(rotations.len())), |query, rotation| {
        query
            .bind(rotation.session_id.0)
            .bind(rotation.presented.as_bytes())
            .bind(rotation.successor.as_bytes())
            .bind(rotation.client_id.as_str())
            .bind(rotation.now)
            .bind(rotation.window_began_at)
            .bind(rotation.idle_expires_at)
            .bind(rotation.used_after)
            .bind(rotation.began_after)
    })
}

//! A database of its own for each test.

use std::sync::OnceLock;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tempfile::TempDir;
use tokend::app::sealing_keys;
use tokend::audit::AuditKeys;
use tokend::store::{PoolSize, Store};
use tokio::sync::OnceCell;

use super::{canary, master_secrets};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A migrated database, and what has to be kept for as long as it is used.
pub struct Database {
    pub store: Store,
    pub engine: Engine,
    /// Opens the same database again, as another node would.
    pub url: String,
    directory: Option<TempDir>,
}

const POOL: PoolSize = PoolSize { max_connections: 8, acquire_timeout: Duration::from_secs(10) };

impl Database {
    pub async fn new(engine: Engine) -> Self {
        canary::begin();
        match engine {
            Engine::Sqlite => {
                let directory = TempDir::new().expect("a temporary directory");
                let path = directory.path().join("data/tokend.db");
                let store = Store::open_sqlite(&path).await.expect("SQLite opens");
                store.migrate(&trail_keys()).await.expect("SQLite migrates");
                Self { store, engine, url: format!("sqlite:{}", path.display()), directory: Some(directory) }
            }
            Engine::Postgres => {
                let url = copy_of_template().await;
                let store = Store::open_postgres(&url, POOL).await.expect("PostgreSQL opens");
                Self { store, engine, url, directory: None }
            }
        }
    }

    /// All that a thief of the database gets: SQLite's files, or PostgreSQL's rows as text with bytes in hexadecimal.
    pub async fn dump(&self) -> Vec<u8> {
        if let Some(directory) = &self.directory {
            let files = std::fs::read_dir(directory.path().join("data")).expect("the directory is there");
            return files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("it is read")).collect();
        }
        rows_of(&self.url).await.expect("the database answers")
    }

    /// Runs one statement behind the back of everybody who uses the database.
    pub async fn execute(&self, statement: &str) {
        let Some(path) = self.url.strip_prefix("sqlite:") else {
            return run_sql_in(&self.url, statement.to_owned()).await;
        };
        let options = SqliteConnectOptions::new().filename(path);
        let mut connection = options.connect().await.expect("SQLite answers");
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        statement.execute(&mut connection).await.expect("the statement runs");
        connection.close().await.expect("the connection closes");
    }

    /// The texts that a statement answers, behind the back of everybody who uses the database.
    pub async fn ask_texts(&self, statement: &str) -> Vec<String> {
        let statement = AssertSqlSafe(statement.to_owned());
        let Some(path) = self.url.strip_prefix("sqlite:") else {
            let mut connection = PgConnection::connect(&self.url).await.expect("PostgreSQL answers");
            return sqlx::query_scalar(statement).fetch_all(&mut connection).await.expect("the statement runs");
        };
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await.expect("SQLite answers");
        sqlx::query_scalar(statement).fetch_all(&mut connection).await.expect("the statement runs")
    }

    /// Another node's way to the same database.
    pub async fn open_again(&self) -> Store {
        match self.engine {
            Engine::Sqlite => {
                let path = self.url.strip_prefix("sqlite:").expect("an SQLite address");
                Store::open_sqlite(path.as_ref()).await.expect("SQLite opens again")
            }
            Engine::Postgres => Store::open_postgres(&self.url, POOL).await.expect("PostgreSQL opens again"),
        }
    }
}

/// Some hundred databases would fill a small disk. Whoever still uses this one is thrown out.
impl Drop for Database {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            return canary::keep_databases_in(directory.path());
        }
        let url = self.url.clone();
        let dropping = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(keep_and_drop(url));
        });
        if canary::is_on() {
            // The last test's would be lost with the process.
            let _ = dropping.join();
        }
    }
}

async fn keep_and_drop(url: String) {
    if canary::is_on() {
        // A test may have broken it.
        canary::keep(canary::Text::Databases, &rows_of(&url).await.unwrap_or_default());
    }
    let name = url.rsplit('/').next().expect("a name");
    run_sql(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
}

/// All rows of a PostgreSQL database as text, with bytes in hexadecimal.
async fn rows_of(url: &str) -> sqlx::Result<Vec<u8>> {
    let mut connection = PgConnection::connect(url).await?;
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await?;
    let mut dump = Vec::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut connection).await?;
        dump.extend(rows.join("\n").into_bytes());
    }
    Ok(dump)
}

/// The keys that seal the audit trail under the tests' master secret.
pub fn trail_keys() -> AuditKeys {
    sealing_keys(&master_secrets(), &[])
}

/// The throw-away cluster that `tests/run.sh` starts.
pub fn cluster_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let url = std::env::var("TOKEND_TEST_POSTGRES").expect("tests/run.sh starts a PostgreSQL for the tests");
        canary::note_setting("TOKEND_DATABASE", &url);
        url
    })
}

/// The address of one database of the cluster.
pub fn url_of(database: &str) -> String {
    let mut url = url::Url::parse(cluster_url()).expect("an address");
    url.set_path(database);
    url.to_string()
}

/// A copy of a migrated database, which is quicker than migrating each.
async fn copy_of_template() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(|| async {
            let url = new_database("").await;
            let store = Store::open_postgres(&url, POOL).await.expect("the template opens");
            store.migrate(&trail_keys()).await.expect("the template migrates");
            store.close().await;
            url.rsplit('/').next().expect("a name").to_owned()
        })
        .await;
    new_database(&format!("TEMPLATE {template}")).await
}

/// The address of a migrated database for the real program; `None` where it makes its own.
pub async fn new_test_database(engine: Engine) -> Option<String> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(copy_of_template().await),
    }
}

/// Makes a database, and gives its address.
pub async fn new_database(options: &str) -> String {
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    run_sql(format!("CREATE DATABASE {name} {options}")).await;
    url_of(&name)
}

/// Runs one statement in the cluster's own database.
pub async fn run_sql(statement: String) {
    run_sql_in(cluster_url(), statement).await;
}

/// Runs one statement in a database of the cluster.
pub async fn run_sql_in(url: &str, statement: String) {
    let mut connection = PgConnection::connect(url).await.expect("the cluster answers");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("the connection closes");
}

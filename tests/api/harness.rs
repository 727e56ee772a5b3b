//! What the tests stand on: a real server on a free port, a real database of either kind, a clock that is set by hand.

mod answer;
mod browser;
mod bystander;
pub mod canary;
mod cluster;
mod database;
mod fixtures;
mod forge;
mod logs;
mod program;
mod proxy;
mod random;
mod raw;
mod registry;
mod server;
mod serving;

pub use answer::Answer;
pub use browser::{Browser, SHARED_COOKIE};
pub use bystander::Bystander;
pub use cluster::{Cluster, free_port};
pub use database::{Database, Engine, new_database, new_test_database, run_sql, run_sql_in, trail_keys, url_of};
pub use fixtures::*;
pub use forge::{Forge, encode, master_secrets, part};
pub use logs::Logs;
pub use program::{Outcome, Program, Running, make_pipe};
pub use proxy::{Fault, Proxy, Way};
pub use random::Random;
pub use raw::KeptAlive;
pub use registry::operator;
pub use server::{MASTER_SECRET, Node, Settings, TestServer};
pub use serving::Serving;

/// Turns `async fn name(engine: Engine)` into two tests, one on each database.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::harness::Engine::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::harness::Engine::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both_databases;

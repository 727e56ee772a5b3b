//! The embedded database's file is replaced or removed while the server has it open: it says so, rather than to store what nobody
//! will find.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::load::{Rules, Site, furnish};
use crate::harness::{Answer, Database, Engine, P1, PASSWORD, RS1};

/// Much longer than it takes to notice it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    site: Site,
    database: Database,
    http: reqwest::Client,
}

impl Rig {
    async fn new() -> Self {
        let database = Database::new(Engine::Sqlite).await;
        furnish(&database.store).await;
        database.store.close().await;
        let site = Site::start(&database.url, 1, Rules::default());
        Self { site, database, http: reqwest::Client::new() }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        format!("{}{suffix}", self.database.url.trim_start_matches("sqlite:")).into()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(format!("{}{path}", self.site.base(0))).form(form);
        Answer::read(request.send().await.expect("an answer")).await
    }

    async fn login(&self) -> Answer {
        self.post("/login", &[("username", "user-0"), ("password", PASSWORD), ("client_id", P1)]).await
    }

    async fn introspect(&self, token: &str) -> Answer {
        let request = self.http.post(format!("{}/introspect", self.site.base(0))).basic_auth(RS1.0, Some(RS1.1));
        Answer::read(request.form(&[("token", token)]).send().await.expect("an answer")).await
    }

    async fn ready(&self) -> u16 {
        let request = self.http.get(format!("{}/health/ready", self.site.base(0)));
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Nothing is stored any more, nor read, from soon on.
    async fn refuses_everything(&self, tokens: &Answer) {
        let refuses = async {
            while self.ready().await != 503 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, refuses).await.expect("it is noticed");
        let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
        for answer in [
            self.login().await,
            self.post("/refresh", &[("refresh_token", &refresh)]).await,
            self.post("/revoke", &[("token", &refresh), ("client_id", P1)]).await,
            self.post("/logout", &[("refresh_token", &refresh)]).await,
            self.introspect(&access).await,
            self.introspect(&refresh).await,
        ] {
            answer.refused(503, "temporarily_unavailable");
        }
    }
}

/// What happens to the file, where the old one is kept, and what the log says.
async fn is_refused(happens: fn(&Rig, &Path), suffix: &str, said: &str) {
    let rig = Rig::new().await;
    let tokens = rig.login().await;
    rig.introspect(&tokens.access_token()).await.active();
    let elsewhere = rig.path("-elsewhere");
    // The very file may come back.
    fs::hard_link(rig.path(suffix), &elsewhere).expect("it is linked");
    happens(&rig, &rig.path(suffix));
    rig.refuses_everything(&tokens).await;
    rig.site.wait_for_log(0, said);
    fs::rename(&elsewhere, rig.path(suffix)).expect("it is put back");
    rig.site.is_ready(0).await;
    rig.introspect(&tokens.access_token()).await.active();
    rig.post("/refresh", &[("refresh_token", &tokens.refresh_token())]).await.ok();
}

fn remove(_: &Rig, path: &Path) {
    fs::remove_file(path).expect("it is removed");
}

/// As a restore does that doesn't stop the server.
fn replace(rig: &Rig, path: &Path) {
    let copy = rig.path("-restored");
    fs::copy(path, &copy).expect("it is copied");
    fs::rename(copy, path).expect("it is moved there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_removed_is_noticed() {
    is_refused(remove, "", "tokend.db was removed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_replaced_is_noticed() {
    is_refused(replace, "", "tokend.db was replaced").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_removed_is_noticed() {
    is_refused(remove, "-wal", "tokend.db-wal was removed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_replaced_is_noticed() {
    is_refused(replace, "-wal", "tokend.db-wal was replaced").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logs_index_that_is_removed_is_noticed() {
    is_refused(remove, "-shm", "tokend.db-shm was removed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logs_index_that_is_replaced_is_noticed() {
    is_refused(replace, "-shm", "tokend.db-shm was replaced").await;
}

/// As when another volume is mounted there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_moved_is_noticed() {
    let rig = Rig::new().await;
    let tokens = rig.login().await;
    let directory = rig.path("").parent().expect("a directory").to_owned();
    let elsewhere = directory.with_extension("elsewhere");
    fs::rename(&directory, &elsewhere).expect("it is moved");
    rig.refuses_everything(&tokens).await;
    fs::rename(&elsewhere, &directory).expect("it is moved back");
    rig.site.is_ready(0).await;
    rig.login().await.ok();
}

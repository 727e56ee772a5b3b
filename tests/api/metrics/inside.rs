//! What the metrics say of the server's inside: hashing, lanes, connections, sessions, keys, the audit trail, the process.

use tokend::domain::SigningAlgorithm;
use tokend::keys::trail::seal;
use tokend::keys::{MasterSecrets, SigningKey};
use tokend::metrics::CertificateEnd;

use super::Exposition;
use crate::harness::{Answer, Engine, MASTER_SECRET, P1, START, Settings, TestServer, UNROTATED, on_both_databases};

/// Reads one number, and fails unless it is whole.
#[track_caller]
fn whole(metrics: &Exposition, series: &str) -> u64 {
    metrics.value(&format!("tokend_{series}")).to_string().parse().expect("a whole number")
}

async fn every_password_is_in_the_histograms_of_hashing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let before = server.metrics().await;
    server.login().await.ok();
    server.post("/login", &[("username", "nobody"), ("password", "x")]).await.refused(401, "invalid_grant");
    let after = server.metrics().await;
    for histogram in ["hashing_seconds_count", "hashing_wait_seconds_count"] {
        assert_eq!(whole(&after, histogram) - whole(&before, histogram), 2, "{histogram}");
    }
    assert_eq!((whole(&after, "hashing_waiting"), whole(&after, "hashing_running")), (0, 0));
    assert_eq!(whole(&after, "hashing_threads"), server.app.config.passwords.threads as u64);
}

/// Of a client that is named, which takes one statement.
async fn refresh_of_p1(server: &TestServer, token: &str) -> Answer {
    server.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", P1)]).await
}

async fn each_lane_counts_its_own_statements(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = server.login().await;
    let (access, refresh) = (login.access_token(), login.refresh_token());
    let sizes = |metrics: &Exposition, lane: &str| {
        let sum = whole(metrics, &format!("lane_batch_size_sum{{lane=\"{lane}\"}}"));
        (whole(metrics, &format!("lane_batch_size_count{{lane=\"{lane}\"}}")), sum)
    };
    let before = server.metrics().await;
    server.introspect(&access).await.active();
    server.introspect(&access).await.active();
    refresh_of_p1(&server, &refresh).await.ok();
    let after = server.metrics().await;
    for (lane, expected) in [("tokens", 2), ("rotations", 1), ("sign_ins", 0), ("credentials", 0), ("client_tokens", 0)]
    {
        let ((statements, items), (more, more_items)) = (sizes(&before, lane), sizes(&after, lane));
        assert_eq!((more - statements, more_items - items), (expected, expected), "{lane}");
    }
    // What goes out together is one statement of several.
    let token = server.login().await.refresh_token();
    let (statements, items) = sizes(&server.metrics().await, "rotations");
    futures_util::future::join_all((0..64).map(|_| refresh_of_p1(&server, &token))).await;
    let (more, more_items) = sizes(&server.metrics().await, "rotations");
    assert_eq!(more_items - items, 64);
    assert!((1..64).contains(&(more - statements)), "{}", more - statements);
}

/// A session that is refreshed with the new secret doesn't need the old one any more. One that isn't rotated needs it to its end.
async fn sessions_are_counted_and_those_that_need_the_old_secret(engine: Engine) {
    const NEW: &str = "another-master-secret-of-the-tests-long-enough";
    let server = TestServer::start(engine).await;
    // As a start does.
    for secrets in [MASTER_SECRET, NEW].map(|text| MasterSecrets::parse(text).expect("a master secret")) {
        let [key] = &secrets.audit_keys()[..] else { panic!("one") };
        server.app.store.audit_keys().put(&seal(key, &secrets).expect("it is sealed")).await.expect("it is stored");
    }
    let counted = async |server: &TestServer| {
        server.app.note_secret_in_use().await.expect("it is noted");
        server.app.count_sessions().await.expect("they are counted");
        let metrics = server.metrics().await;
        (whole(&metrics, "sessions_live"), whole(&metrics, "sessions_of_old_secrets"))
    };
    assert!(!server.metrics().await.series().contains(&"tokend_sessions_live"), "nothing was counted yet");
    assert_eq!(counted(&server).await, (0, 0));
    let (stays, rotates) = (server.login_on(UNROTATED).await, server.login_on(P1).await.refresh_token());
    server.login().await.ok();
    server.post("/logout", &[("refresh_token", &server.login().await.refresh_token())]).await.no_content();
    assert_eq!(counted(&server).await, (3, 0), "the one that was signed out isn't live");

    let both = Settings::default().with_secret(&format!("{NEW} {MASTER_SECRET}"));
    let node = server.another_node_with(&both).await;
    let renewed = server.at(&node);
    assert_eq!(counted(&renewed).await, (3, 3));
    server.clock.advance(3600);
    renewed.refresh(&rotates).await.ok();
    renewed.refresh(&stays.refresh_token()).await.ok();
    assert_eq!(counted(&renewed).await, (3, 2));
    // A node that still has the old one first makes tokens with it.
    assert_eq!(counted(&server).await.0, 3);
    assert_eq!(counted(&renewed).await, (3, 3), "the other node may have refreshed it");
    server.clock.advance(server.app.config.sessions.idle_lifetime);
    assert_eq!(counted(&renewed).await, (0, 0), "all have ended");
    let counted_at = whole(&renewed.metrics().await, "sessions_counted_timestamp_seconds");
    assert_eq!(counted_at, server.clock.now().unsigned_abs());
}

async fn the_age_is_that_of_the_key_that_signs(engine: Engine) {
    let server = TestServer::start(engine).await;
    let age = async || whole(&server.metrics().await, "signing_key_age_seconds");
    assert_eq!(age().await, 0);
    server.clock.advance(1000);
    assert_eq!(age().await, 1000);
    let secrets = MasterSecrets::parse(MASTER_SECRET).expect("a master secret");
    let next = SigningKey::generate(SigningAlgorithm::Es256, START + 1000, START + 1500).expect("a key is made");
    server.operator().signing_keys().insert(&next.seal(&secrets).expect("it is sealed")).await.expect("it is added");
    server.app.registry.refresh().await.expect("the registry is read");
    assert_eq!(age().await, 1000, "the next key doesn't sign yet");
    server.clock.advance(600);
    assert_eq!(age().await, 100);
}

async fn the_time_to_the_end_of_the_certificate_goes_on_below_zero(engine: Engine) {
    let server = TestServer::start(engine).await;
    let left = async || server.metrics().await.value("tokend_tls_certificate_left_seconds").to_string();
    assert!(!server.metrics().await.series().iter().any(|series| series.contains("certificate")), "it speaks no TLS");
    let end = CertificateEnd::new(START + 100);
    server.app.metrics.certificate.set(end.clone()).expect("it was not set");
    assert_eq!(left().await, "100");
    server.clock.advance(130);
    assert_eq!(left().await, "-30");
    end.renew(START + 1130);
    assert_eq!(left().await, "1000");
}

/// The register is only read when a chain is opened or purged, so that is when the server finds it changed.
async fn an_audit_trail_that_was_changed_is_told(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    let broken = async || whole(&server.metrics().await, "audit_broken");
    assert_eq!(broken().await, 0);
    server.database.execute("UPDATE audit_register SET seal = writers").await;
    let node = server.another_node().await;
    let other = server.at(&node);
    other.login().await.ok();
    assert_eq!(whole(&other.metrics().await, "audit_broken"), 1);
    assert_eq!(broken().await, 0, "this one has not looked since");
}

async fn the_process_is_measured_under_the_usual_names(engine: Engine) {
    let server = TestServer::start(engine).await;
    let metrics = server.metrics().await;
    for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"] {
        assert!(metrics.value(&format!("process_{name}")) > 0.0, "{name}");
    }
}

on_both_databases!(
    every_password_is_in_the_histograms_of_hashing,
    each_lane_counts_its_own_statements,
    sessions_are_counted_and_those_that_need_the_old_secret,
    the_age_is_that_of_the_key_that_signs,
    the_time_to_the_end_of_the_certificate_goes_on_below_zero,
    an_audit_trail_that_was_changed_is_told,
    the_process_is_measured_under_the_usual_names,
);

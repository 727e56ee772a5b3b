//! A primary dies under load and its standby takes over, with synchronous and with asynchronous replication. A proxy stands
//! for the address that moves from one to the other.

use std::sync::Arc;
use std::time::Duration;

use super::history::{Ask, Got};
use super::load::{CLIENTS, Load, Rules, Site, furnish_postgres};
use super::number;
use crate::harness::{Answer, Cluster, P1, PASSWORD, Proxy, Random, Way};

/// How many failovers with synchronous replication, unless `TOKEND_TEST_FAILOVERS` says otherwise.
const FAILOVERS: usize = 1;

/// The primary is gone, and nobody can reach what is left of it; then the standby has its place.
async fn fail_over(primary: &mut Cluster, standby: &Cluster, address: &Proxy) {
    primary.kill_all();
    address.refuse(true);
    address.cut();
    standby.promote().await;
    address.turn_to(standby.address());
    address.refuse(false);
}

/// The same, but nobody says that connections to the primary are no good any more: its machine is gone.
async fn fail_over_silently(primary: &mut Cluster, standby: &Cluster, address: &Proxy) {
    address.refuse(true);
    address.turn_silently_to(standby.address());
    primary.kill_all();
    standby.promote().await;
    address.refuse(false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_synchronous_replication_nothing_is_lost() {
    let failovers = number("TOKEND_TEST_FAILOVERS", FAILOVERS);
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut primary = Cluster::start().await;
    furnish_postgres(&primary.url()).await;
    let (address, url) = Proxy::to_postgres(&primary.url()).await;
    let site = Arc::new(Site::start(&url, 2, Rules::default()));
    let load = Load::on(&site, seed);
    for _ in 0..failovers {
        let standby = primary.standby(primary.address()).await;
        primary.wait_for_standbys().await;
        load.answers(10 * CLIENTS + random.below(20 * CLIENTS)).await;
        fail_over(&mut primary, &standby, &address).await;
        primary = standby;
    }
    load.answers(10 * CLIENTS).await;
    let stopped = load.stop().await.go_on_once().await;
    let history = stopped.history();
    println!("RESULT failover-synchronous failovers={failovers} {}", history.summary());
    history.must_hold("failover-synchronous");
    assert!(stopped.signed_in() > 0);
}

/// What the primary did last never reaches the standby. Clients that are ahead of it are refused, but nobody's session
/// ends; and when an operator says so, they go on from where they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_asynchronous_replication_clients_that_are_ahead_go_on_when_they_may() {
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut primary = Cluster::start().await;
    furnish_postgres(&primary.url()).await;
    let replication = Proxy::to_postgres(&primary.url()).await.0;
    let standby = primary.standby(replication.address).await;
    let (address, url) = Proxy::to_postgres(&primary.url()).await;
    let site = Arc::new(Site::start(&url, 1, Rules { is_peaceful: true, ..Rules::default() }));
    let load = Load::on(&site, seed);
    standby.wait_for(&format!("SELECT count(*) = {CLIENTS} FROM sessions WHERE generation > 1")).await;

    replication.hold(Way::Down, true);
    load.answers(20 * CLIENTS).await;
    primary.kill_all();
    address.refuse(true);
    address.cut();
    let mut stopped = load.stop().await;
    stopped.history().must_hold("failover-asynchronous-before");
    standby.promote().await;
    address.turn_to(standby.address());
    address.refuse(false);
    site.is_ready(0).await;

    let refused = stopped.try_to_go_on().await;
    assert!(refused > 0, "nobody was ahead of the standby");
    site.wait_for_log(0, "ahead of the database");
    assert_eq!(standby.ask::<i64>("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 0);

    site.run(&["recovery", "open", "--for", "1h"]);
    let recovered = async {
        while stopped.try_to_go_on().await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recovered).await.expect("everybody goes on");
    site.run(&["recovery", "close"]);
    let since = stopped.now();
    let stopped = stopped.go_on_once().await;
    let history = stopped.history();
    println!("RESULT failover-asynchronous ahead={refused} {}", history.summary());
    assert_eq!(stopped.signed_in(), CLIENTS, "nobody has to sign in again");
    assert_eq!(history.count(|call| call.ask == Ask::SignIn && call.got != Got::Nothing), CLIENTS);
    assert_eq!(history.count(|call| matches!(call.got, Got::Other(_))), 0, "no 500");
    history.since(since).must_hold("failover-asynchronous");
}

const LOGIN: [(&str, &str); 3] = [("username", "user-0"), ("password", PASSWORD), ("client_id", P1)];

/// One node, and a client of it.
struct Node {
    site: Site,
    http: reqwest::Client,
}

impl Node {
    fn at(url: &str) -> Self {
        Self { site: Site::start(url, 1, Rules::default()), http: reqwest::Client::new() }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(format!("{}{path}", self.site.base(0))).form(form);
        Answer::read(request.send().await.expect("an answer")).await
    }
}

/// The address moves before the standby is promoted: it may have yesterday's sessions, so nothing is read there, and no session ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_in_the_primarys_place_is_not_read() {
    let primary = Cluster::start().await;
    furnish_postgres(&primary.url()).await;
    let (address, url) = Proxy::to_postgres(&primary.url()).await;
    let node = Node::at(&url);
    let tokens = node.post("/login", &LOGIN).await;
    let standby = primary.standby(primary.address()).await;
    standby.wait_for("SELECT count(*) = 1 FROM sessions").await;

    address.turn_to(standby.address());
    address.cut();
    node.site.becomes(0, 503).await;
    for (path, form) in [
        ("/login", &LOGIN[..]),
        ("/refresh", &[("refresh_token", &tokens.refresh_token())]),
        ("/revoke", &[("token", &tokens.refresh_token()), ("client_id", P1)]),
    ] {
        node.post(path, form).await.refused(503, "temporarily_unavailable");
    }
    let request = node.http.get(format!("{}/userinfo", node.site.base(0))).bearer_auth(tokens.access_token());
    Answer::read(request.send().await.expect("an answer")).await.refused(503, "temporarily_unavailable");

    standby.promote().await;
    node.site.becomes(0, 200).await;
    node.post("/refresh", &[("refresh_token", &tokens.refresh_token())]).await.ok();
    node.post("/login", &LOGIN).await.ok();
}

/// What was revoked is told to the primary alone, and it dies: the node that acknowledged it tells the standby.
async fn is_put_back_after(fail_over: impl AsyncFnOnce(&mut Cluster, &Cluster, &Proxy)) {
    let mut primary = Cluster::start().await;
    furnish_postgres(&primary.url()).await;
    let replication = Proxy::to_postgres(&primary.url()).await.0;
    let standby = primary.standby(replication.address).await;
    let (address, url) = Proxy::to_postgres(&primary.url()).await;
    let node = Node::at(&url);
    let (ended, kept) =
        (node.post("/login", &LOGIN).await.refresh_token(), node.post("/login", &LOGIN).await.refresh_token());
    standby.wait_for("SELECT count(*) = 2 FROM sessions").await;

    replication.hold(Way::Down, true);
    assert_eq!(node.post("/logout", &[("refresh_token", &ended)]).await.status, 204);
    fail_over(&mut primary, &standby, &address).await;
    node.site.wait_for_log(0, "lost revocations restored");
    node.site.is_ready(0).await;
    assert_eq!(standby.ask::<i64>("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 1);
    node.post("/refresh", &[("refresh_token", &ended)]).await.refused(401, "invalid_grant");
    node.post("/refresh", &[("refresh_token", &kept)]).await.ok();
    node.site.run(&["audit", "verify"]);
    let trail = standby.ask::<i64>("SELECT count(*) FROM audit_events WHERE kind = 'audit.rewound'").await;
    assert_eq!(trail, 0, "a failover is no attack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_the_standby_never_heard_of_is_put_back() {
    is_put_back_after(fail_over).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_put_back_though_the_connections_to_the_primary_only_fell_silent() {
    is_put_back_after(fail_over_silently).await;
}

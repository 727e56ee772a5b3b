//! PostgreSQL itself is killed at random points while clients work, and recovers from its log.

use std::sync::Arc;
use std::time::Duration;

use super::load::{CLIENTS, Load, Rules, Site, furnish_postgres};
use super::number;
use crate::harness::{Cluster, Random};

/// How often PostgreSQL is killed, unless `TOKEND_TEST_CRASHES` says otherwise.
const CRASHES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_loses_anything_by_a_killed_postgres() {
    let crashes = number("TOKEND_TEST_CRASHES", CRASHES);
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut cluster = Cluster::start().await;
    furnish_postgres(&cluster.url()).await;
    let site = Arc::new(Site::start(&cluster.url(), 2, Rules::default()));
    let load = Load::on(&site, seed);
    let mut moments = Vec::new();
    for _ in 0..crashes {
        load.answers(CLIENTS + random.below(20 * CLIENTS)).await;
        tokio::time::sleep(Duration::from_micros(random.below(5_000) as u64)).await;
        moments.push(load.now());
        if random.below(2) == 0 {
            cluster.kill();
        } else {
            cluster.kill_all();
        }
        tokio::time::sleep(Duration::from_millis(random.below(300) as u64)).await;
        cluster.restart().await;
    }
    load.answers(10 * CLIENTS).await;
    let stopped = load.stop().await.go_on_once().await;
    let history = stopped.history();
    let met = history.under_way(&moments).count();
    println!("RESULT postgres-killed crashes={crashes} met={met} {}", history.summary());
    history.must_hold("postgres-killed");
    assert!(stopped.signed_in() > 0 && met >= crashes, "{met} calls met {crashes} crashes");
}

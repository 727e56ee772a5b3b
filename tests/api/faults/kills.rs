//! The server is killed at random points while clients work, and started again: nobody is stuck, nobody is logged out,
//! what was acknowledged holds.

use std::sync::Arc;
use std::time::Duration;

use super::history::Got;
use super::load::{CLIENTS, Load, Rules, Site, furnish};
use super::number;
use crate::harness::{Database, Engine, Random, on_both_databases};

/// How often the server is killed, unless `TOKEND_TEST_KILLS` says otherwise.
const KILLS: usize = 10;

async fn nobody_loses_anything_by_killed_servers(engine: Engine) {
    let kills = number("TOKEND_TEST_KILLS", KILLS);
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let database = Database::new(engine).await;
    furnish(&database.store).await;
    // Nobody else may have the file open, or the server that comes next would have nothing to recover from.
    database.store.close().await;
    let nodes = if engine == Engine::Postgres { 2 } else { 1 };
    let site = Arc::new(Site::start(&database.url, nodes, Rules::default()));
    let load = Load::on(&site, seed);
    let mut moments = Vec::new();
    for _ in 0..kills {
        load.answers(CLIENTS + random.below(10 * CLIENTS)).await;
        tokio::time::sleep(Duration::from_micros(random.below(5_000) as u64)).await;
        moments.push(load.now());
        let killed = random.below(nodes);
        site.kill(killed);
        if nodes > 1 && random.below(4) == 0 {
            site.kill(1 - killed);
            site.start_again(1 - killed);
        }
        site.start_again(killed);
    }
    load.thieves(CLIENTS / 4).await;
    load.answers(CLIENTS).await;
    let stopped = load.stop().await.go_on_once().await;
    let history = stopped.history();
    let met = history.under_way(&moments).filter(|call| call.got == Got::Nothing).count();
    println!("RESULT kills-{engine:?} kills={kills} met={met} {}", history.summary());
    history.must_hold(&format!("kills-{engine:?}"));
    assert!(stopped.signed_in() > 0 && met >= kills, "{met} calls lost their answers by {kills} kills");
}

on_both_databases!(nobody_loses_anything_by_killed_servers);

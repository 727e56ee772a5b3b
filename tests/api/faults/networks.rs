//! Networks that break at random under load, between clients and servers and between servers and PostgreSQL at once.

use std::sync::Arc;
use std::time::Duration;

use super::load::{CLIENTS, Load, Rules, Site, furnish};
use super::number;
use crate::harness::{Database, Engine, Proxy, Random, Way, on_both_databases};

/// How often a network breaks, unless `TOKEND_TEST_BREAKS` says otherwise.
const BREAKS: usize = 20;

/// A request that its client has given up may go on for a while: here for less than the window.
const RULES: Rules = Rules { window: 10, is_peaceful: false };

/// Breaks a network in one of the ways in which networks break, and mends it.
async fn break_and_mend(proxy: &Proxy, random: &mut Random) {
    let a_while = Duration::from_millis(random.below(100) as u64);
    match random.below(5) {
        0 => proxy.cut(),
        1 => proxy.half_close(),
        2 => {
            proxy.refuse(true);
            proxy.cut();
            tokio::time::sleep(a_while).await;
            proxy.refuse(false);
        }
        way => {
            let way = if way == 3 { Way::Up } else { Way::Down };
            proxy.hold(way, true);
            tokio::time::sleep(a_while).await;
            // What was held back is lost, or only late.
            if random.below(2) == 0 {
                proxy.cut();
            }
            proxy.hold(way, false);
        }
    }
}

async fn nobody_loses_anything_by_networks_that_break(engine: Engine) {
    let breaks = number("TOKEND_TEST_BREAKS", BREAKS);
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let database = Database::new(engine).await;
    furnish(&database.store).await;
    database.store.close().await;
    let mut proxies = Vec::new();
    let mut url = database.url.clone();
    if engine == Engine::Postgres {
        let (proxy, through) = Proxy::to_postgres(&url).await;
        url = through;
        proxies.push(proxy);
    }
    let mut site = Site::start(&url, 1, RULES);
    let (proxy, base) = Proxy::to_server(&site.base(0)).await;
    site.is_reached_at(0, base);
    proxies.push(proxy);
    let site = Arc::new(site);
    let load = Load::on(&site, seed);
    for _ in 0..breaks {
        load.answers(random.below(4 * CLIENTS)).await;
        break_and_mend(&proxies[random.below(proxies.len())], &mut random).await;
    }
    load.answers(10 * CLIENTS).await;
    let history = load.stop().await.go_on_once().await.history();
    println!("RESULT networks-{engine:?} breaks={breaks} {}", history.summary());
    history.must_hold(&format!("networks-{engine:?}"));
}

on_both_databases!(nobody_loses_anything_by_networks_that_break);

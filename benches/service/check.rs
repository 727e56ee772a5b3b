//! What isn't a ratio to a baseline: one number each, with a bound.

use std::time::Duration;

use serde::Serialize;

use crate::ask::Ask;
use crate::bound::Bound;
use crate::failure::Failure;
use crate::number::{float, median, rate};
use crate::options::Options;
use crate::site::{Engine, Site};
use crate::usage::{Memory, memory};
use crate::workload::{MANY, Workload};

/// A number and its bound.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What it is called.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// Which side of the bounds is the good one.
    pub bound: Bound,
    /// What it has to be.
    pub must: f64,
    /// What it is meant to be.
    pub aim: f64,
    /// What else there is to say.
    pub note: String,
}

impl Check {
    fn at_most(name: String, value: f64, unit: &'static str, (must, aim): (f64, f64), note: String) -> Self {
        Self { name, value, unit, bound: Bound::AtMost, must, aim, note }
    }
}

/// Connections that introspect while others sign in: enough to be busy all the time.
const ASKING: usize = 16;

/// Ten times as many sign-ins as the machine can hash: so many connections that each can ask again after this long though
/// two seconds' worth of them are waiting for their turn.
const STORM: usize = 512;
const STORM_PACE: Duration = Duration::from_millis(250);

/// How long a storm blows before anything is measured: longer than the server's queue.
const RISING: Duration = Duration::from_secs(4);

/// How often the server is started.
const STARTS: usize = 5;

/// How long it is left alone before its memory counts as idle.
const REST: Duration = Duration::from_secs(2);

/// How long the client refreshes before it is counted how far it got.
const GROWING: Duration = Duration::from_secs(10);

/// How much longer introspection takes, at the 99th percentile, while far too many sign in.
pub async fn storm(engine: Engine, site: &Site, options: &Options) -> Result<Check, Failure> {
    let introspect = Ask::server(Workload::Introspect, ASKING, options.time());
    let (mut added, mut idle_p99, mut notes) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..options.rounds() {
        let idle = site.load(introspect).await?.served()?;
        let logins = Ask::server(Workload::Login, STORM, options.time() + RISING);
        let logins = logins.after(Duration::ZERO).at_pace(STORM_PACE);
        let (stormy, logins) = tokio::try_join!(site.load(introspect.after(RISING)), site.load(logins))?;
        let (stormy, logins) = (stormy.served()?, logins.right()?);
        added.push(stormy.slice.p99 - idle.slice.p99);
        idle_p99.push(idle.slice.p99);
        let asked = rate(logins.slice.answers + logins.slice.refused, options.time() + RISING);
        notes = format!("{asked:.0} sign-ins/s asked for, {:.0}/s done", logins.slice.rate);
    }
    let note = format!("{notes}; {:.2} ms without them", median(idle_p99));
    Ok(Check::at_most(format!("storm-{engine}"), median(added), "ms more", (5.0, 2.0), note))
}

/// The memory after all that was measured.
pub fn used(engine: Engine, site: &Site) -> Result<Check, Failure> {
    let Memory { resident, peak } = memory(site.server.id())?;
    let note = format!("{peak:.1} MiB at most");
    Ok(Check::at_most(format!("memory-after-{engine}"), resident, "MiB", (120.0, 60.0), note))
}

/// The time from start to first answer, and the memory of a server that has answered once.
pub async fn start(engine: Engine, site: &mut Site) -> Result<[Check; 2], Failure> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(site.restart().await?.as_secs_f64() * 1000.0);
    }
    tokio::time::sleep(REST).await;
    let Memory { resident, peak } = memory(site.server.id())?;
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let note = format!("{STARTS} starts, the slowest {slowest:.0} ms");
    let start = Check::at_most(format!("start-{engine}"), median(times), "ms", (150.0, 50.0), note);
    let note = format!("{peak:.1} MiB at most");
    Ok([start, Check::at_most(format!("memory-idle-{engine}"), resident, "MiB", (30.0, 15.0), note)])
}

/// How much memory and disk many refreshes leave behind. What the first tenth of them uses is not counted: caches and free
/// room have to fill once.
pub async fn growth(engine: Engine, site: &Site, options: &Options) -> Result<[Check; 2], Failure> {
    let slice = Ask::server(Workload::Refresh, MANY, GROWING).after(Duration::ZERO);
    let updates_before = site.updates().await?;
    let (mut done, mut first) = (0, None);
    while done < options.refreshes {
        done += site.load(slice).await?.served()?.slice.answers;
        if first.is_none() && done >= options.refreshes / 10 {
            first = Some((done, memory(site.server.id())?.resident, site.size().await?));
        }
    }
    let (counted_from, resident, bytes) = first.ok_or("nothing was refreshed")?;
    let memory = memory(site.server.id())?.resident - resident;
    let disk = mebibytes(site.size().await?) - mebibytes(bytes);
    let note = format!("in {} refreshes, from {resident:.1} MiB on", done - counted_from);
    let hot = match (updates_before, site.updates().await?) {
        (Some((all_before, hot_before)), Some((all, hot))) => {
            format!(", {:.2} % of the updates HOT", 100.0 * float(hot - hot_before) / float(all - all_before).max(1.0))
        }
        _ => String::new(),
    };
    let disk_note = format!("from {:.1} MiB on{hot}", mebibytes(bytes));
    Ok([
        Check::at_most(format!("growth-memory-{engine}"), memory, "MiB", (2.0, 1.0), note),
        Check::at_most(format!("growth-disk-{engine}"), disk, "MiB", (1.0, 0.1), disk_note),
    ])
}

fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / 1024.0 / 1024.0
}

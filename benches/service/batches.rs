//! How many requests a statement carried: read from the metrics of a server before and after a turn.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::Serialize;

use crate::failure::Failure;
use crate::http::Connection;
use crate::number::float;

const NAME: &str = "tokend_lane_batch_size";
const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// What a server has counted so far, by lane.
pub type Counted = BTreeMap<String, Lane>;

/// The batches of a lane.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// The number of batches by the most items that they have, cumulated.
    buckets: Vec<(f64, u64)>,
    items: u64,
    batches: u64,
}

/// The batches of a turn. The percentiles are upper bounds of the server's classes (1, 4, 16, 64, 256).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Batches {
    /// Items of a batch, on average.
    pub mean: f64,
    /// What half of the batches don't exceed.
    pub p50: f64,
    /// What nine of ten batches don't exceed.
    pub p90: f64,
}

/// What a server has counted. Nothing of a build that has no such metric.
pub async fn counted(address: SocketAddr) -> Result<Counted, Failure> {
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(REQUEST).await?;
    Ok(read(&String::from_utf8_lossy(answer.body)))
}

/// The batches of the busiest lane between two counts.
pub fn between(before: &Counted, after: &Counted) -> Option<Batches> {
    let (name, after) =
        after.iter().max_by_key(|(name, lane)| lane.items - before.get(*name).map_or(0, |lane| lane.items))?;
    let nothing = Lane::default();
    let before = before.get(name).unwrap_or(&nothing);
    let (items, batches) = (after.items - before.items, after.batches - before.batches);
    let counted_before = |bound: f64| {
        let below = before.buckets.iter().take_while(|(other, _)| *other <= bound);
        below.last().map_or(0, |(_, count)| *count)
    };
    let percentile = |part: f64| {
        let enough = |(bound, count): &&(f64, u64)| float(*count - counted_before(*bound)) >= part * float(batches);
        after.buckets.iter().find(enough).map_or(f64::INFINITY, |(bound, _)| *bound)
    };
    (batches > 0).then(|| Batches { mean: float(items) / float(batches), p50: percentile(0.5), p90: percentile(0.9) })
}

/// The batches of a lane in the form of the server's metrics, with a class for each size that occurred.
pub fn written(lane: &str, sizes: &[usize]) -> String {
    let mut counts = BTreeMap::<usize, u64>::new();
    for size in sizes {
        *counts.entry(*size).or_default() += 1;
    }
    let (mut text, mut total) = (String::new(), 0);
    for (size, count) in counts {
        total += count;
        let _ = writeln!(text, "{NAME}_bucket{{lane=\"{lane}\",le=\"{size}\"}} {total}");
    }
    let _ = writeln!(text, "{NAME}_sum{{lane=\"{lane}\"}} {}", sizes.iter().sum::<usize>());
    let _ = writeln!(text, "{NAME}_count{{lane=\"{lane}\"}} {total}");
    text
}

fn read(metrics: &str) -> Counted {
    let mut counted = Counted::new();
    for line in metrics.lines() {
        let _ = sample(&mut counted, line);
    }
    counted
}

/// Takes in a line such as `tokend_lane_batch_size_bucket{lane="tokens",le="4"} 12`.
fn sample(counted: &mut Counted, text: &str) -> Option<()> {
    let (kind, rest) = text.strip_prefix(NAME)?.split_once("{lane=\"")?;
    let (name, rest) = rest.split_once('"')?;
    let (labels, value) = rest.rsplit_once("} ")?;
    let number = value.parse().ok()?;
    let lane = counted.entry(name.to_owned()).or_default();
    match kind {
        "_sum" => lane.items = number,
        "_count" => lane.batches = number,
        _ => {
            let bound = labels.strip_prefix(",le=\"")?.strip_suffix('"')?;
            lane.buckets.push((bound.parse().unwrap_or(f64::INFINITY), number));
        }
    }
    Some(())
}

//! Whether many sessions cost more than few: the same on two databases, by turns.

use crate::ask::Ask;
use crate::bound::Bound;
use crate::check::Check;
use crate::failure::Failure;
use crate::number::median;
use crate::options::Options;
use crate::site::{Engine, Site};
use crate::workload::{MANY, Workload};

/// What many sessions are compared with.
const FEW: u32 = 10_000;

/// The rates with many sessions, as parts of those with few.
pub async fn measure(engine: Engine, options: &Options) -> Result<Vec<Check>, Failure> {
    let few = Site::open(engine, FEW).await?;
    let many = Site::open(engine, options.many_sessions).await?;
    let mut checks = Vec::new();
    for (name, workload) in
        [("refresh", Workload::Refresh), ("introspect", Workload::Introspect), ("userinfo", Workload::Userinfo)]
    {
        let mut of_rounds = Vec::new();
        for _ in 0..options.rounds() {
            let ask = Ask::server(workload, MANY, options.time());
            let (few, many) = (few.load(ask).await?.served()?, many.load(ask).await?.served()?);
            of_rounds.push(many.slice.rate / few.slice.rate);
        }
        checks.push(Check {
            name: format!("scale-{name}-{engine}"),
            value: median(of_rounds),
            unit: "x",
            bound: Bound::AtLeast,
            must: 0.92,
            aim: 1.0,
            note: format!("{} sessions against {FEW}", options.many_sessions),
        });
    }
    Ok(checks)
}

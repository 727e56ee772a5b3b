//! The table of what an answer costs: time of processors, and how many requests share a statement. The baseline's beside it.

use std::fmt::Write as _;

use crate::batches::Batches;
use crate::measured::Measured;
use crate::number::median;
use crate::row::{Finding, Round};

/// Of a column.
const WIDTH: usize = 10;

/// As much as the longest title is wider than its column.
const GAP: &str = "         ";

/// A line for each row. Writing into a text can't fail, so nothing asks whether it did.
pub fn text(rows: &[Finding]) -> String {
    let mut text = String::new();
    if rows.is_empty() {
        return text;
    }
    for title in ["server µs", "db µs", "batch", "p50", "p90", "baseline: server µs", "db µs", "batch", "p50", "p90"]
    {
        let _ = write!(text, "{title:>width$}", width = title.chars().count().max(WIDTH));
    }
    text.push('\n');
    for finding in rows {
        let _ = write!(text, "{:<34}", finding.row.name);
        half(&mut text, finding, |round| Some(&round.server));
        text.push_str(GAP);
        half(&mut text, finding, |round| round.baseline.measured.as_ref());
        text.push('\n');
    }
    text
}

fn half(text: &mut String, finding: &Finding, whose: fn(&Round) -> Option<&Measured>) {
    let middle = |what: &dyn Fn(&Measured) -> Option<f64>| {
        let values: Option<Vec<f64>> = finding.rounds.iter().map(|round| what(whose(round)?)).collect();
        values.map(median)
    };
    let batches = |what: fn(Batches) -> f64| middle(&|turn| turn.batches.map(what));
    let numbers = [
        middle(&|turn| Some(turn.server_micros())),
        middle(&Measured::database_micros),
        batches(|batches| batches.mean),
        batches(|batches| batches.p50),
        batches(|batches| batches.p90),
    ];
    for number in numbers {
        let _ = write!(text, "{:>WIDTH$}", number.map_or_else(|| "-".to_owned(), |number| format!("{number:.1}")));
    }
}

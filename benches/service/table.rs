//! The tables for people.

use std::fmt::Write as _;

use crate::bound::Bound;
use crate::check::Check;
use crate::load::Slice;
use crate::number::median;
use crate::report::Report;
use crate::row::{Finding, Metric};

/// A line for each row and each single number. Writing into a text can't fail, so nothing asks whether it did.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.rows.is_empty() {
        let _ = writeln!(
            text,
            "\n{:<28}{:>10}{:>9}{:>9}{:>9}{:>9}{:>6}{:>9}{:>9}{:>7}{:>12}{:>8}{:>6}{:>6}",
            "",
            "a second",
            "p50 ms",
            "p99 ms",
            "p99.9",
            "server %",
            "db %",
            "client %",
            "others %",
            "MiB",
            "baseline",
            "ratio",
            "must",
            "aim"
        );
    }
    report.rows.iter().for_each(|finding| row(&mut text, finding));
    if !report.checks.is_empty() {
        let _ = writeln!(text, "\n{:<28}{:>10} {:<8}{:>6}{:>6}", "", "", "", "must", "aim");
    }
    report.checks.iter().for_each(|check| number(&mut text, check));
    text
}

fn row(text: &mut String, finding: &Finding) {
    let Finding { row, ratio, .. } = finding;
    let slice = |what: fn(&Slice) -> f64| finding.server(|server| what(&server.slice));
    let baseline = match row.metric {
        Metric::Rate => format!("{:.0}/s", finding.baseline(|baseline| baseline.rate)),
        Metric::Latency => format!("{:.2} ms", finding.baseline(|baseline| baseline.p50.unwrap_or(f64::NAN))),
    };
    let _ = writeln!(
        text,
        "{:<28}{:>10.0}{:>9.2}{:>9.2}{:>9.2}{:>9.0}{:>6}{:>9.0}{:>9.0}{:>7.1}{:>12}{:>8.2}{:>6.2}{:>6.2}{}",
        row.name,
        slice(|slice| slice.rate),
        slice(|slice| slice.p50),
        slice(|slice| slice.p99),
        slice(|slice| slice.p999),
        finding.server(|server| server.server_cpu),
        database_cpu(finding),
        finding.server(|server| server.client_cpu),
        finding.server(|server| server.others_cpu),
        finding.server(|server| server.resident),
        baseline,
        ratio,
        row.must,
        row.aim,
        verdict(row.metric.bound(), *ratio, row.must, row.aim),
    );
}

fn number(text: &mut String, check: &Check) {
    let Check { name, value, unit, bound, must, aim, note } = check;
    let verdict = verdict(*bound, *value, *must, *aim);
    let _ = writeln!(text, "{name:<28}{value:>10.2} {unit:<8}{must:>6}{aim:>6}  {note}{verdict}");
}

fn verdict(bound: Bound, value: f64, must: f64, aim: f64) -> &'static str {
    if bound.is_kept(value, aim) {
        ""
    } else if bound.is_kept(value, must) {
        "  misses the aim"
    } else {
        "  MISSES WHAT IT MUST BE"
    }
}

/// Of the processes of PostgreSQL; SQLite works inside the server.
fn database_cpu(finding: &Finding) -> String {
    let shares: Option<Vec<f64>> = finding.rounds.iter().map(|round| round.server.database_cpu).collect();
    shares.map_or_else(|| "-".to_owned(), |shares| format!("{:.0}", median(shares)))
}

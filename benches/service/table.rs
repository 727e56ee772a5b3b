//! The table for people.

use std::fmt::Write as _;

use crate::number::median;
use crate::row::Finding;

/// One line a row.
pub fn text(findings: &[Finding]) -> String {
    let mut text = format!(
        "\n{:<28}{:>10}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}{:>12}{:>7}{:>6}{:>6}\n",
        "",
        "a second",
        "p50 ms",
        "p99 ms",
        "p99.9",
        "server%",
        "db%",
        "client%",
        "MiB",
        "baseline/s",
        "ratio",
        "must",
        "aim"
    );
    for finding in findings {
        let row = &finding.row;
        let slice = |what: fn(&crate::load::Slice) -> f64| finding.server(|server| what(&server.slice));
        let ratio = finding.ratio();
        let verdict = match ratio {
            ratio if ratio >= row.aim => "",
            ratio if ratio >= row.must => "below the aim",
            _ => "BELOW WHAT IT MUST BE",
        };
        // Writing into a text can't fail.
        let _ = writeln!(
            text,
            "{:<28}{:>10.0}{:>9.2}{:>9.2}{:>9.2}{:>8.0}{:>8}{:>8.0}{:>7.1}{:>12.0}{:>7.2}{:>6.2}{:>6.2}  {verdict}",
            row.name,
            slice(|slice| slice.rate),
            slice(|slice| slice.p50),
            slice(|slice| slice.p99),
            slice(|slice| slice.p999),
            finding.server(|server| server.server_cpu),
            database_cpu(finding),
            finding.server(|server| server.client_cpu),
            finding.server(|server| server.resident),
            median(finding.rounds.iter().map(|round| round.baseline.rate)),
            ratio,
            row.must,
            row.aim,
        );
    }
    text
}

fn database_cpu(finding: &Finding) -> String {
    let shares: Option<Vec<f64>> = finding.rounds.iter().map(|round| round.server.database_cpu).collect();
    shares.map_or_else(|| "-".to_owned(), |shares| format!("{:.0}", median(shares)))
}

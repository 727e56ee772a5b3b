//! Rate and latency against the number of connections, as an SVG that can be read on light and on dark pages.

use std::fmt::Write as _;

use crate::number::float;
use crate::report::{CONNECTIONS, Point, SWEPT};
use crate::site::Engine;
use crate::workload::Workload;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 440.0;
/// A panel: where it begins, how wide it is, and where its top and bottom are.
const PANELS: [f64; 2] = [70.0, 560.0];
const PANEL_WIDTH: f64 = 360.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 330.0;

/// More marks than [`step_of`] leaves room for.
const MOST_STEPS: u32 = 10;

/// Grey of a lightness that both backgrounds leave readable.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#808890}.title{font-weight:600}.axis{stroke:#808890}\
    .grid{stroke:#808890;stroke-opacity:.25}.line{fill:none;stroke-width:2.5}";

/// Writes the plot. Writing into a text can't fail, so nothing asks whether it did.
pub fn svg(sweep: &[Point]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Rate and 99th percentile of the latency against connections\">\n<style>{STYLE}</style>\n"
    );
    let [left, right] = PANELS;
    panel(&mut svg, left, "answers a second", sweep, |point| point.measured.slice.rate);
    panel(&mut svg, right, "99th percentile, ms", sweep, |point| point.measured.slice.p99);
    legend(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, left: f64, title: &str, sweep: &[Point], value: fn(&Point) -> f64) {
    let most = sweep.iter().map(value).fold(0.0, f64::max);
    let step = step_of(most);
    let steps = (1..MOST_STEPS).find(|steps| most <= step * f64::from(*steps)).unwrap_or(MOST_STEPS);
    let height = |value: f64| BOTTOM - (BOTTOM - TOP) * value / (step * f64::from(steps));
    let right = left + PANEL_WIDTH;
    let _ = writeln!(svg, "<text class=\"title\" x=\"{left}\" y=\"{}\">{title}</text>", TOP - 22.0);
    for number in 0..=steps {
        let (mark, y) = (step * f64::from(number), height(step * f64::from(number)));
        let class = if number == 0 { "axis" } else { "grid" };
        let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let (x, y) = (left - 8.0, y + 4.0);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", short(mark));
    }
    for connections in CONNECTIONS {
        let (x, y) = (left + place(connections), BOTTOM + 20.0);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{connections}</text>");
    }
    let (x, y) = (left + PANEL_WIDTH / 2.0, BOTTOM + 40.0);
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">connections</text>");
    for (engine, workload) in lines() {
        let points = sweep.iter().filter(|point| point.engine == engine && point.workload == workload);
        let points: Vec<(f64, f64)> = points.map(|p| (left + place(p.connections), height(value(p)))).collect();
        let (color, dashes) = (color(workload), dashes(engine));
        let path = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(svg, "<polyline class=\"line\" stroke=\"{color}\" {dashes}points=\"{path}\"/>");
        for (x, y) in points {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{color}\"/>");
        }
    }
}

/// A line of it for each database.
fn legend(svg: &mut String) {
    for ((engine, workload), place) in lines().zip(0_u32..) {
        let [column, line] = [place % 3, place / 3].map(f64::from);
        let (from, y) = (170.0 + 230.0 * column, HEIGHT - 40.0 + 24.0 * line);
        let (to, text, baseline) = (from + 28.0, from + 36.0, y + 4.0);
        let (color, dashes, name) = (color(workload), dashes(engine), name(workload));
        let database = if engine == Engine::Postgres { "PostgreSQL" } else { "SQLite" };
        let _ = writeln!(
            svg,
            "<line class=\"line\" stroke=\"{color}\" {dashes}x1=\"{from}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text x=\"{text}\" y=\"{baseline}\">{name}, {database}</text>"
        );
    }
}

fn lines() -> impl Iterator<Item = (Engine, Workload)> {
    [Engine::Postgres, Engine::Sqlite].into_iter().flat_map(|engine| SWEPT.map(|workload| (engine, workload)))
}

/// Equal distances for equal factors, the first a little off the axis.
fn place(connections: usize) -> f64 {
    let most = CONNECTIONS.into_iter().max().unwrap_or(2);
    let doublings = |number: usize| float(number as u64).log2();
    20.0 + (PANEL_WIDTH - 40.0) * doublings(connections) / doublings(most)
}

/// A round number of which three to eight reach `most`.
fn step_of(most: f64) -> f64 {
    let power = 10_f64.powf((most.max(1e-3) / 3.0).log10().floor());
    [5.0, 2.0].into_iter().map(|factor| factor * power).find(|step| *step * 3.0 <= most).unwrap_or(power)
}

fn short(mark: f64) -> String {
    if mark >= 1000.0 { format!("{}k", mark / 1000.0) } else { format!("{}", (mark * 1000.0).round() / 1000.0) }
}

fn name(workload: Workload) -> &'static str {
    match workload {
        Workload::Refresh => "refresh",
        Workload::Introspect => "introspect",
        Workload::Userinfo => "userinfo",
        Workload::ClientCredentials => "client credentials",
        Workload::Login => "login",
    }
}

/// Told apart by those who see no red or no green too.
fn color(workload: Workload) -> &'static str {
    match workload {
        Workload::Refresh => "#d55e00",
        Workload::Introspect => "#3b8fd1",
        _ => "#1fa37a",
    }
}

fn dashes(engine: Engine) -> &'static str {
    if engine == Engine::Sqlite { "stroke-dasharray=\"6 4\" " } else { "" }
}

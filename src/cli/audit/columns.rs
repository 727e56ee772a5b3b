//! A table of events that fits a terminal. What no terminal limits is printed whole.

use crate::admin::audit::NamedEvent;
use crate::audit::EventKind;
use crate::cli::escape::escaped;
use crate::clock::date;

/// Between two columns.
const GAP: usize = 2;

/// The fewest characters that a cut text keeps.
const LEAST_CUT: usize = 8;

/// A column, in the order in which they are shown: on a narrow terminal the last ones are left out.
struct Column {
    name: &'static str,
    /// How wide it is from the beginning, for events that aren't known yet.
    usual: usize,
    /// How wide it may be on a terminal; a longer text is cut there. `None` where a part would be of no use.
    most: Option<usize>,
}

const COLUMNS: [Column; 9] = [
    Column { name: "AT", usual: 20, most: None },
    Column { name: "KIND", usual: 14, most: None },
    Column { name: "COUNT", usual: 5, most: None },
    Column { name: "USER", usual: 8, most: Some(24) },
    Column { name: "CLIENT", usual: 8, most: Some(24) },
    Column { name: "REASON", usual: 10, most: Some(43) },
    Column { name: "ADDRESS", usual: 9, most: None },
    Column { name: "ACTOR", usual: 10, most: Some(30) },
    Column { name: "SESSION", usual: 7, most: None },
];

/// What an event shows in each column.
pub type Row = [String; COLUMNS.len()];

/// What is shown of an event: names instead of ids, where there are names.
pub fn row(NamedEvent { event, username, client_name, .. }: &NamedEvent) -> Row {
    let id = event.user_id.map(|id| id.to_string());
    // Who has been removed is told by name in one event, and by id in all others.
    let removed = event.target.clone().filter(|_| event.kind == EventKind::UserRemoved.as_str());
    let user = username.clone().or(removed).or_else(|| id.clone());
    let actor = match (username, id) {
        (Some(name), Some(id)) if event.actor == format!("user:{id}") => format!("user:{name}"),
        _ => event.actor.clone(),
    };
    let client = match (&event.client_id, client_name) {
        (Some(id), Some(name)) if name != id => Some(format!("{id} ({name})")),
        (id, _) => id.clone(),
    };
    // What a change of a key is about stands where others say why.
    let kid = event.target.clone().filter(|_| event.kind.starts_with("key."));
    let reason = kid.into_iter().chain(event.reason.clone()).reduce(|kid, reason| format!("{kid} {reason}"));
    // Most changes of a user or a client end no session; that a revocation ended none is worth knowing.
    let is_change = event.kind.starts_with("user.") || event.kind.starts_with("client.");
    let count = Some(event.count).filter(|&count| count != 0 || !is_change);
    let text = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| escaped(&text));
    [
        date(event.at),
        escaped(&event.kind),
        text(count.map(|count| count.to_string())),
        text(user),
        text(client),
        text(reason),
        text(event.address.clone()),
        escaped(&actor),
        text(event.session_id.map(|id| id.to_string())),
    ]
}

pub struct Layout {
    terminal: Option<usize>,
    widths: [usize; COLUMNS.len()],
}

impl Layout {
    /// For a terminal so many characters wide, or for anything else.
    pub fn of(terminal: Option<usize>) -> Self {
        Self { terminal, widths: [0; COLUMNS.len()] }
    }

    /// Makes room for these rows. Columns never become narrower, so that what is printed later stands below what was before.
    pub fn widen(&mut self, rows: &[Row]) {
        for (place, (column, width)) in COLUMNS.iter().zip(&mut self.widths).enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max();
            let most = self.terminal.and(column.most).unwrap_or(usize::MAX);
            let least = if rows.is_empty() { column.usual } else { column.name.len() };
            *width = (*width).max(least).max(cells.unwrap_or(0).min(most));
        }
    }

    pub fn header(&self) -> String {
        self.line(&COLUMNS.map(|column| column.name.to_owned()))
    }

    pub fn lines(&self, rows: &[Row]) -> String {
        rows.iter().map(|row| self.line(row)).collect()
    }

    fn line(&self, row: &Row) -> String {
        let shown = row.iter().zip(self.fitting()).filter_map(|(cell, width)| Some(padded(cell, width?)));
        format!("{}\n", shown.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end())
    }

    /// The width that each column gets on the terminal; `None` for one that has no room.
    fn fitting(&self) -> [Option<usize>; COLUMNS.len()] {
        let Some(terminal) = self.terminal else { return self.widths.map(Some) };
        let (mut widths, mut used) = ([None; COLUMNS.len()], 0);
        for ((column, wanted), width) in COLUMNS.iter().zip(self.widths).zip(&mut widths) {
            let begin = if used == 0 { 0 } else { used + GAP };
            let left = terminal.saturating_sub(begin);
            *width = match column.most {
                _ if wanted <= left => Some(wanted),
                Some(_) if left >= LEAST_CUT => Some(left),
                _ => None,
            };
            used = width.map_or(used, |width| begin + width);
        }
        widths
    }
}

/// The text in exactly so many characters.
fn padded(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    let cut: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{cut}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "0195d3a0-0000-7000-8000-000000000000";

    fn rows() -> [Row; 2] {
        let row = |kind: &str, user: &str, reason: &str| {
            let at = "2027-01-15T08:00:00Z";
            [at, kind, "1", user, "web", reason, "203.0.113.7", "stranger", SESSION].map(str::to_owned)
        };
        [row("sign_in.ok", "alice", "-"), row("sign_in.failed", &"b".repeat(60), &"why ".repeat(20))]
    }

    fn printed(terminal: Option<usize>) -> String {
        let mut layout = Layout::of(terminal);
        layout.widen(&rows());
        layout.header() + &layout.lines(&rows())
    }

    #[test]
    fn without_a_terminal_everything_is_whole() {
        let printed = printed(None);
        assert!(printed.contains(&"b".repeat(60)) && printed.contains("why why why why why why why why why why why"));
        assert_eq!(printed.matches(SESSION).count(), 2);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for terminal in 1..300 {
            for line in printed(Some(terminal)).lines() {
                assert!(line.chars().count() <= terminal.max(1), "{terminal}: {line}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_where_a_part_is_of_use_and_left_out_elsewhere() {
        let expected = "\
AT                    KIND            COUNT  USER                      CLIENT
2027-01-15T08:00:00Z  sign_in.ok      1      alice                     web
2027-01-15T08:00:00Z  sign_in.failed  1      bbbbbbbbbbbbbbbbbbbbbbb\u{2026}  web
";
        assert_eq!(printed(Some(80)), expected);
        let wide = printed(Some(120));
        assert!(wide.contains("REASON") && wide.contains("\u{2026}") && !wide.contains("SESSION"), "{wide}");
        assert!(printed(Some(220)).contains(SESSION));
    }

    #[test]
    fn columns_stay_where_they_are_when_events_come_later() {
        let mut layout = Layout::of(Some(80));
        layout.widen(&[]);
        let header = layout.header();
        layout.widen(&rows()[..1]);
        assert_eq!(layout.header(), header);
    }
}

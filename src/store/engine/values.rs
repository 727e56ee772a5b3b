//! Statements that take a list of rows: how SQLite, which has no arrays, is given many items at once.

use std::sync::OnceLock;

use super::batch::MAX_BATCH;

/// Lists have 1, 2, 4, .. rows, so that only so many statements are ever prepared.
const SIZES: usize = MAX_BATCH.ilog2() as usize + 1;

/// A statement around a list of rows, written out once for each size of the list.
pub(in crate::store) struct Values {
    before: &'static str,
    columns: usize,
    after: &'static str,
    texts: [OnceLock<String>; SIZES],
}

impl Values {
    /// The statement `before VALUES (?, ..), .. after`. In it the columns are called `column1`, `column2`, ..
    pub(in crate::store) const fn new(before: &'static str, columns: usize, after: &'static str) -> Self {
        Self { before, columns, after, texts: [const { OnceLock::new() }; SIZES] }
    }

    /// The statement for at least so many rows, [`MAX_BATCH`] at most. What isn't bound is NULL, which equals nothing.
    pub(in crate::store) fn of(&'static self, rows: usize) -> &'static str {
        let size = rows.next_power_of_two();
        let write = || {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            format!("{}VALUES {}{}", self.before, vec![row.as_str(); size].join(","), self.after)
        };
        self.texts.get(size.ilog2() as usize).map_or("", |text| text.get_or_init(write).as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_room_for_its_rows_and_each_size_is_written_once() {
        static VALUES: Values = Values::new("SELECT * FROM (", 2, ")");
        assert_eq!(VALUES.of(1), "SELECT * FROM (VALUES (?,?))");
        assert_eq!(VALUES.of(3), "SELECT * FROM (VALUES (?,?),(?,?),(?,?),(?,?))");
        assert!(std::ptr::eq(VALUES.of(3), VALUES.of(4)));
        for rows in 1..=MAX_BATCH {
            assert!((rows..2 * rows).contains(&VALUES.of(rows).matches("(?,?)").count()), "{rows}");
        }
    }
}

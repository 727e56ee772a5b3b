//! The side of a goal that is the good one.

use serde::Serialize;

/// Which side of a bound is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The more the better.
    AtLeast,
    /// The less the better.
    AtMost,
}

impl Bound {
    /// Whether `value` is as good as `goal`.
    pub fn is_kept(self, value: f64, goal: f64) -> bool {
        match self {
            Self::AtLeast => value >= goal,
            Self::AtMost => value <= goal,
        }
    }
}

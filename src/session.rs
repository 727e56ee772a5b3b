//! Sessions: how one begins, and whether one that is presented is alive.

mod begin;
mod decision;
mod presented;

pub use begin::{Beginning, begin};
pub use decision::{Dead, SessionFacts, Unfit, client_of, fit, judge_session, judge_verdict, may_still_have};
pub use presented::{ParsedRefreshToken, PresentedSession, presented};

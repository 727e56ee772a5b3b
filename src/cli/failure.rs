//! What every command shares: how it fails, and how long it waits for a reader.

use std::time::Duration;

/// What went wrong, in words for the operator.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a start or a stop waits for the reader of standard output or standard error.
pub const PATIENCE: Duration = Duration::from_secs(1);

//! What goes wrong in a benchmark.

/// In words for whoever runs it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

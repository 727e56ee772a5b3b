//! The `tokend` command.

fn main() {}

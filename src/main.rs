//! The `tokend` command.

/// Tasks move between threads, so much is freed by another thread than the one that asked for it. With the system's
/// allocator the threads then wait for each other's locks: a quarter of all time at full load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tokend::cli::run(std::env::args_os())
}

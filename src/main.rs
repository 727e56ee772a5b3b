//! The `tokend` command.

/// What a lane reads is freed by the threads that asked for it. With the system's allocator the threads then wait for each
/// other's locks: a quarter of all time at full load, when this was chosen.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tokend::cli::run(std::env::args_os())
}

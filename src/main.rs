//! The `tokend` command.

fn main() -> std::process::ExitCode {
    tokend::cli::run(std::env::args_os())
}

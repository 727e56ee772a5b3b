#!/usr/bin/env bash
# Checks everything: format, lints, the tests on SQLite and on a PostgreSQL of its own, the documentation and its code blocks.
# Needs a Rust toolchain and a C compiler; what else is missing it installs, and says so.
#
#   tests/run.sh                    everything
#   tests/run.sh token:: -- --nocapture    only `cargo test token:: -- --nocapture`, with PostgreSQL
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/support.sh
. tests/support.sh

if [ $# = 0 ]; then
    component fmt rustfmt
    component clippy clippy
    step "format"
    cargo fmt --check
    step "lints"
    cargo clippy --all-targets --locked -- -D warnings
fi

step "starting $("$programs/postgres" --version) as $server_user"
start_postgres

step "tests"
cargo test --locked "$@"

if [ $# = 0 ]; then
    step "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
    step "access tokens of every algorithm, verified by PyJWT"
    tests/clients/run.sh target/debug/tokend jwt_checks
    step "code blocks and links of README.md, CONTRIBUTING.md and docs/"
    tests/docs/run.sh
fi

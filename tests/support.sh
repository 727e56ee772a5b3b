# What tests/run.sh and tests/deep.sh share: what must be installed, and a PostgreSQL of their own. To be sourced by bash, in
# the top directory of the repository.

POSTGRES_AT_LEAST=14

# shellcheck source=tests/lib/tools.sh
. tests/lib/tools.sh

# --- What must be installed ---------------------------------------------------------------------------------------

# The directory of the newest PostgreSQL server programs on this machine; nothing if none is new enough.
postgres_programs() {
    local candidate major best='' best_major=$((POSTGRES_AT_LEAST - 1))
    for candidate in "$(dirname "$(command -v initdb || echo /)")" "$(pg_config --bindir 2>/dev/null || echo /)" \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* /usr/local/pgsql/bin \
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
        [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ] && [ -x "$candidate/postgres" ] &&
            [ -x "$candidate/pg_basebackup" ] || continue
        major=$("$candidate/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [ "$major" -gt "$best_major" ]; then best=$candidate best_major=$major; fi
    done
    printf '%s' "$best"
}

# A component of the toolchain that a minimal installation leaves out.
component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    has rustup || fail "cargo $1 is missing; install the toolchain's $2"
    step "installing the toolchain's $2"
    rustup component add "$2"
}

has cargo || fail "cargo is missing; install Rust"
has cc || fail "no C compiler (cc) found; on Debian: apt-get install gcc libc6-dev"
has curl || install curl curl curl curl curl
# A caller may name a directory of programs.
programs=${TOKEND_TEST_POSTGRES_PROGRAMS:-$(postgres_programs)}
if [ -z "$programs" ]; then
    install "PostgreSQL (server)" postgresql postgresql-server postgresql postgresql@17
    programs=$(postgres_programs)
    [ -n "$programs" ] || fail "PostgreSQL $POSTGRES_AT_LEAST or newer is needed, and is not what this system installs"
fi

# --- A PostgreSQL of our own --------------------------------------------------------------------------------------

# PostgreSQL refuses to run as root, so there it runs as somebody else.
server_user=$(id -un 2>/dev/null) || fail "the user $(id -u) has no name, and PostgreSQL refuses to run without one"
if [ "$(id -u)" = 0 ]; then
    server_user=postgres
    id -u "$server_user" >/dev/null 2>&1 || server_user=nobody
fi

# Runs a command as that user, in a directory that this user may enter.
as_server_user() (
    cd "$cluster"
    if [ "$(id -un)" = "$server_user" ]; then
        exec "$@"
    elif has setpriv; then
        exec setpriv --reuid "$server_user" --regid "$(id -g "$server_user")" --init-groups "$@"
    elif has runuser; then
        exec runuser -u "$server_user" -- "$@"
    else
        # shellcheck disable=SC2016 # the inner shell expands it
        exec su -s /bin/sh "$server_user" -c 'exec "$0" "$@"' -- "$@"
    fi
)

# Sets $cluster to a new directory of the server's user below $1, if that user can work there.
make_cluster_directory() {
    cluster=$(mktemp -d "$1/tokend-test.XXXXXX") || return 1
    chown "$server_user" "$cluster"
    as_server_user test -w "$cluster" 2>/dev/null && return
    rmdir "$cluster"
    return 1
}

# Stops the server that runs on our directory, and no other, then removes the directory.
cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "${cluster:-}" ]; then
        if [ -f "$cluster/data/postmaster.pid" ]; then
            as_server_user "$programs/pg_ctl" -D "$cluster/data" -m immediate -w -s stop || status=1
        fi
        rm -rf "$cluster"
    fi
    step "$([ "$status" = 0 ] && echo 'all passed' || echo "FAILED (exit code $status)")"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

start_postgres() {
    local password port
    make_cluster_directory "${TMPDIR:-/tmp}" || make_cluster_directory /tmp ||
        fail "the user $server_user can't work in a directory below ${TMPDIR:-/tmp} or /tmp"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && printf '%s' "$password" >"$cluster/password" && chown "$server_user" "$cluster/password")
    # Passwords go over the loopback interface only, and hashing one for each of some thousand connections takes time.
    as_server_user "$programs/initdb" -D "$cluster/data" -U postgres --auth=password --pwfile="$cluster/password" \
        --no-locale -E UTF8 --no-sync >"$cluster/initdb.log" 2>&1 || {
        cat "$cluster/initdb.log" >&2
        fail "initdb failed"
    }
    # What is lost in a crash here is of no use to anybody, so nothing waits for the disk.
    as_server_user tee -a "$cluster/data/postgresql.conf" >/dev/null <<CONFIGURATION
listen_addresses = '127.0.0.1'
unix_socket_directories = '$cluster'
max_connections = 1000
fsync = off
full_page_writes = off
CONFIGURATION
    # The port may be taken, by whoever; the ones from 32768 on are likely to be taken by clients.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 12000))
        if as_server_user "$programs/pg_ctl" -D "$cluster/data" -l "$cluster/log" -o "-p $port" -w -t 60 -s start \
            >/dev/null 2>&1; then
            # Some tests make clusters of their own.
            export TOKEND_TEST_POSTGRES_PROGRAMS=$programs
            export TOKEND_TEST_POSTGRES="postgres://postgres:$password@127.0.0.1:$port/postgres"
            return
        fi
    done
    cat "$cluster/log" >&2
    fail "PostgreSQL did not start"
}

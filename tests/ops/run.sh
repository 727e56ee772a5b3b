#!/usr/bin/env bash
# Checks the operating kit of ops/: the rules and their tests (promtool), that every metric that rules and panels name is really there,
# the systemd unit, the Compose file, the Kubernetes manifests, and that no refresh fails behind nginx, HAProxy and Caddy while the nodes are
# restarted. Installs what is missing from Debian's packages and PyPI.
#
#   tests/ops/run.sh [PROGRAM]       PROGRAM is target/debug/tokend unless it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lib/tools.sh
. tests/lib/tools.sh
find_program "$@"
debian /usr/bin/promtool:prometheus /usr/bin/systemd-analyze:systemd /usr/sbin/nginx:nginx /usr/bin/caddy:caddy \
    /usr/sbin/haproxy:haproxy
python_with ops -r tests/ops/requirements.txt

# tests/deep.sh has a PostgreSQL already.
if [ -z "${TOKEND_TEST_POSTGRES:-}" ]; then
    # shellcheck source=tests/support.sh
    . tests/support.sh
    start_postgres
fi

passed=0
check() {
    local name=$1
    shift
    "$@" || {
        echo "FAILED  $name"
        exit 1
    }
    passed=$((passed + 1))
    echo "ok      $name"
}

# The exposure that systemd sees is 2.0 or less.
unit() {
    local exposure
    systemd-analyze security --offline=true --threshold=20 --no-pager ops/systemd/tokend.service >target/ops/unit || return 1
    exposure=$(sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p' target/ops/unit)
    echo "        exposure $exposure"
    [ -n "$exposure" ]
}

# With secrets that nobody uses, since Compose wants the files to be there.
compose() {
    local directory=target/ops/compose
    mkdir -p "$directory/secrets"
    cp ops/compose/compose.yaml "$directory"
    touch "$directory"/secrets/{postgres-password,master-secret,database-url}
    target/ops/bin/docker-compose --file "$directory/compose.yaml" config --quiet
}

# systemd looks for the program that a unit names.
verified_unit() {
    local unit=target/ops/tokend.service
    sed "s|/usr/local/bin/tokend|$(realpath "$program")|" ops/systemd/tokend.service >"$unit"
    systemd-analyze verify --recursive-errors=no "$unit"
}

check prometheus.configuration promtool check config ops/prometheus/prometheus.yml
check prometheus.rules promtool check rules ops/prometheus/recording.yml ops/prometheus/alerts.yml
check prometheus.tests promtool test rules ops/prometheus/alerts_test.yml
check systemd.unit verified_unit
check systemd.exposure unit
check compose compose
check kubernetes target/ops/bin/kubernetes-validate --strict --no-warn ops/kubernetes/tokend.yaml
check metrics python3 tests/ops/metrics.py "$program"
check rolling_restart python3 tests/ops/rolling.py "$program"
echo "ops: $passed passed, 0 failed"

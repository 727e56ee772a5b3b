#!/usr/bin/env bash
# Runs nginx, Caddy and HAProxy with the samples of ops/gateway in front of a small API, and asks whether what tokend's /verify
# says of a request decides its fate. Installs what is missing of them from Debian's packages.
#
#   tests/gateways/run.sh [PROGRAM]      PROGRAM is target/debug/tokend unless it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lib/tools.sh
. tests/lib/tools.sh
find_program "$@"
debian /usr/sbin/nginx:nginx /usr/bin/caddy:caddy /usr/sbin/haproxy:haproxy
exec python3 tests/gateways/check.py "$program"

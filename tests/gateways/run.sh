#!/usr/bin/env bash
# Runs nginx, Caddy and HAProxy with the samples of ops/gateway in front of a small API, and asks whether what tokend's /verify
# says of a request decides its fate. Installs what is missing of them from Debian's packages.
#
#   tests/gateways/run.sh [PROGRAM]      PROGRAM is target/debug/tokend unless it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=${1:-target/debug/tokend}
[ -x "$program" ] || cargo build --locked --bin tokend

packages=()
for needed in /usr/sbin/nginx:nginx /usr/bin/caddy:caddy /usr/sbin/haproxy:haproxy; do
    [ -e "${needed%%:*}" ] || packages+=("${needed##*:}")
done
if [ ${#packages[@]} != 0 ]; then
    apt-get -q update || true # lists that are a little old may do
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${packages[@]}"
fi
PYTHONPATH=tests/clients exec python3 tests/gateways/check.py "$program"

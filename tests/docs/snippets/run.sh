#!/usr/bin/env bash
# Runs the JavaScript and Python of docs/first-app.md, docs/browser.md and docs/protect-an-api.md, as they stand there, against the
# built server; the browser app also in Chromium. Installs what is missing of node and Chromium from Debian's packages, and axios,
# express, jose, puppeteer-core, Flask and requests.
#
#   tests/docs/snippets/run.sh [PROGRAM]     PROGRAM is target/debug/tokend unless it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
program=${1:-target/debug/tokend}
[ -x "$program" ] || cargo build --locked --bin tokend

packages=()
for needed in node:nodejs npm:npm python3:python3-venv chromium:chromium; do
    command -v "${needed%%:*}" >/dev/null || packages+=("${needed##*:}")
done
if [ ${#packages[@]} != 0 ]; then
    apt-get -q update || true # lists that are a little old may do
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${packages[@]}"
fi

environment=target/snippets
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/pip" install -q --disable-pip-version-check Flask==3.1.3 requests==2.34.2
npm install --prefix "$environment" --no-save --no-audit --no-fund --silent axios@1.21.1 express@5.3.0 jose@6.2.18 \
    puppeteer-core@25.16.0
PYTHONPATH=tests/clients exec "$environment/bin/python" tests/docs/snippets/check.py "$program" "$environment/node_modules"

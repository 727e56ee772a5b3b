#!/usr/bin/env bash
# Runs the JavaScript and Python of docs/first-app.md, docs/browser.md and docs/protect-an-api.md, as they stand there, against the
# built server; the browser app also in Chromium. Installs what is missing of node and Chromium from Debian's packages, and axios,
# express, jose, puppeteer-core, Flask and requests.
#
#   tests/docs/snippets/run.sh [PROGRAM]     PROGRAM is target/debug/tokend unless it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tests/lib/tools.sh
. tests/lib/tools.sh
find_program "$@"
debian /usr/bin/node:nodejs /usr/bin/npm:npm /usr/bin/chromium:chromium
python_with snippets Flask==3.1.3 requests==2.34.2
npm install --prefix target/snippets --no-save --no-audit --no-fund --silent axios@1.21.1 express@5.3.0 jose@6.2.18 \
    puppeteer-core@25.16.0
exec "$python" tests/docs/snippets/check.py "$program" target/snippets/node_modules

#!/usr/bin/env bash
# Pastes the code blocks of README.md, CONTRIBUTING.md and docs/ into bash and zsh, as a reader would, and follows every link.
# Installs what is missing: zsh, Python. tests/docs/check.py says how to write a page.
#
#   tests/docs/run.sh                     every page
#   tests/docs/run.sh docs/audit.md       only the pages that are named
#   TOKEND_TEST_SHELLS=zsh tests/docs/run.sh docs/audit.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=${TOKEND_TEST_PROGRAM:-target/debug/tokend}
[ -x "$program" ] || cargo build --locked --bin tokend

missing=()
for needed in zsh python3 curl; do
    command -v "$needed" >/dev/null || missing+=("$needed")
done
if [ ${#missing[@]} != 0 ]; then
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get -q update || true # lists that are a little old may do
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
fi
exec python3 tests/docs/check.py "$program" "$@"

#!/usr/bin/env bash
# Pastes the code blocks of README.md, CONTRIBUTING.md and docs/ into bash and zsh, as a reader would, and follows every link.
# Installs what is missing: zsh, Python. tests/docs/check.py says how to write a page.
#
#   tests/docs/run.sh                     every page
#   tests/docs/run.sh docs/audit.md       only the pages that are named
#   TOKEND_TEST_SHELLS=zsh tests/docs/run.sh docs/audit.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lib/tools.sh
. tests/lib/tools.sh
find_program "${TOKEND_TEST_PROGRAM:-}"
has zsh || install zsh zsh zsh zsh zsh
has python3 || install Python python3 python3 python3 python
has curl || install curl curl curl curl curl
exec python3 tests/docs/check.py "$program" "$@"

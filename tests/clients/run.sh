#!/usr/bin/env bash
# Runs client libraries and resource servers that others wrote against the built server: Authlib, django-oauth-toolkit, PyJWT, Apache's
# mod_oauth2 and mod_auth_openidc, oidc-agent. Installs what is missing of them from Debian's packages and PyPI.
#
#   tests/clients/run.sh [PROGRAM]            PROGRAM is target/debug/tokend unless it is named
#   tests/clients/run.sh PROGRAM jwt_checks   only PyJWT, which needs no Debian packages
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lib/tools.sh
. tests/lib/tools.sh
find_program "$@"
checks=(authlib_checks django_checks apache_checks agent_checks jwt_checks)
[ $# -lt 2 ] || checks=("${@:2}")

if [ "${checks[*]}" = jwt_checks ]; then
    python_with jwt -r tests/clients/jwt.txt
else
    debian /usr/sbin/apache2:apache2 /usr/lib/apache2/modules/mod_oauth2.so:libapache2-mod-oauth2 \
        /usr/lib/apache2/modules/mod_auth_openidc.so:libapache2-mod-auth-openidc /usr/bin/oidc-gen:oidc-agent-cli
    python_with clients -r tests/clients/requirements.txt
fi
exec "$python" tests/clients/check.py "$program" "${checks[@]}"

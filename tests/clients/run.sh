#!/usr/bin/env bash
# Runs client libraries and resource servers that others wrote against the built server: Authlib, django-oauth-toolkit, PyJWT, Apache's
# mod_oauth2 and mod_auth_openidc, oidc-agent. Installs what is missing of them from Debian's packages and PyPI.
#
#   tests/clients/run.sh [PROGRAM]       PROGRAM is target/debug/tokend unless it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=${1:-target/debug/tokend}
[ -x "$program" ] || cargo build --locked --bin tokend

packages=()
for needed in /usr/sbin/apache2:apache2 /usr/lib/apache2/modules/mod_oauth2.so:libapache2-mod-oauth2 \
    /usr/lib/apache2/modules/mod_auth_openidc.so:libapache2-mod-auth-openidc /usr/bin/oidc-gen:oidc-agent-cli; do
    [ -e "${needed%%:*}" ] || packages+=("${needed##*:}")
done
if [ ${#packages[@]} != 0 ]; then
    apt-get -q update || true # lists that are a little old may do
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${packages[@]}"
fi

environment=target/clients
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/pip" install -q --disable-pip-version-check -r tests/clients/requirements.txt
exec "$environment/bin/python" tests/clients/check.py "$program"

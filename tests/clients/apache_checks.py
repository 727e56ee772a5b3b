"""Apache as a resource server that introspects, by mod_oauth2 and by mod_auth_openidc."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import requests

from authlib_checks import session
from certificate import TlsServer
from processes import accepts, end, free_port, wait_until
from server import PASSWORD

MODULES = "/usr/lib/apache2/modules"

COMMON = """
ServerName 127.0.0.1
ServerRoot {home}
Listen 127.0.0.1:{port}
PidFile {home}/pid
ErrorLog {home}/error.log
User www-data
Group www-data
Mutex file:{home}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
DocumentRoot {home}/www
"""

# `Require` compares the whole text of the scope.
MOD_OAUTH2 = """
LoadModule oauth2_module {modules}/mod_oauth2.so
<Location />
  AuthType oauth2
  OAuth2TokenVerify introspect {base}/introspect introspect.ssl_verify=false&introspect.auth=client_secret_basic&client_id=rs&client_secret={secret}
  Require oauth2_claim "scope:write read"
</Location>
"""

MOD_AUTH_OPENIDC = """
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
OIDCCryptoPassphrase of-a-test
OIDCOAuthClientID rs
OIDCOAuthClientSecret {secret}
OIDCOAuthIntrospectionEndpoint {base}/introspect
OIDCOAuthIntrospectionEndpointAuth client_secret_basic
OIDCOAuthRemoteUserClaim sub
OIDCOAuthSSLValidateServer Off
<Location />
  AuthType oauth20
  Require claim "scope~(^| )read( |$)"
</Location>
"""


@contextlib.contextmanager
def apache(server, text):
    """The address of an Apache with this configuration."""
    with tempfile.TemporaryDirectory(prefix="tokend-apache.") as home:
        port = free_port()
        values = dict(home=home, port=port, modules=MODULES, base=server.base, secret=server.secrets["rs"])
        (Path(home) / "www").mkdir()
        (Path(home) / "www" / "data").write_text("data")
        os.chmod(home, 0o777)
        configuration = Path(home) / "apache.conf"
        configuration.write_text((COMMON + text).format(**values))
        process = subprocess.Popen(["/usr/sbin/apache2", "-f", str(configuration), "-D", "FOREGROUND"])
        try:
            wait_until(lambda: accepts(port), process, "Apache", Path(home) / "error.log")
            yield f"http://127.0.0.1:{port}/data"
        except AssertionError as failure:
            raise AssertionError((Path(home) / "error.log").read_text()[-2000:]) from failure
        finally:
            end(process)


def takes_access_tokens_and_no_refresh_token(server, text):
    asked = dict(username="alice", password=PASSWORD, grant_type="password", scope="write read")
    token = session(server).fetch_token(**asked)
    with apache(server, text) as url:
        with_token = lambda text: requests.get(url, headers={"Authorization": "Bearer " + text}, timeout=30).status_code
        assert with_token(token["access_token"]) == 200
        assert with_token(token["refresh_token"]) == 401
        assert with_token("nonsense") == 401


def test_mod_oauth2_finds_the_scope_as_it_was_asked_for(server):
    takes_access_tokens_and_no_refresh_token(server, MOD_OAUTH2)


def test_mod_auth_openidc_takes_access_tokens_and_no_refresh_token(server):
    # It asks by TLS only.
    with TlsServer(server.program) as server:
        takes_access_tokens_and_no_refresh_token(server, MOD_AUTH_OPENIDC)

"""oidc-agent, which always asks for `offline_access`."""

import os
import subprocess
import tempfile

from server import PASSWORD


def test_oidc_agent_gets_tokens_for_a_client_that_never_registered_offline_access(server):
    with tempfile.TemporaryDirectory(prefix="tokend-agent.") as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "OIDC_PASSWORD": PASSWORD}
        started = run(environment, "oidc-agent")
        for assignment in started.replace(";", "\n").splitlines():
            name, _, value = assignment.partition("=")
            if name in ("OIDC_SOCK", "OIDCD_PID"):
                environment[name] = value
        try:
            run(environment, "oidc-gen", "account", "--manual", "--flow=password", "--client-id=native", "--client-secret=" + server.secrets["native"],
                "--issuer=" + server.issuer, "--redirect-uri=http://localhost:4242", "--scope=openid profile offline_access",
                "--op-username=alice", "--op-password=" + PASSWORD, "--pw-cmd=echo of-a-test", "--prompt=none",
                "--confirm-default", "--no-url-call")
            token = run(environment, "oidc-token", "account").strip()
            assert token.count(".") == 2, token
        finally:
            os.kill(int(environment["OIDCD_PID"]), 15)


def run(environment, *command):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout

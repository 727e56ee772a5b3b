"""The built server, in a directory of its own, with a user and the clients that the checks need."""

import json
import secrets
import subprocess
import tempfile
from pathlib import Path

PASSWORD = "correct horse battery staple"
API = "https://api.example.com"


class Server:
    """Runs until the block ends."""

    def __init__(self, program, tls=False, settings=None):
        self.program = str(Path(program).resolve())
        self.home = tempfile.TemporaryDirectory(prefix="tokend-clients.")
        self.secrets = {}
        self.certificate = None
        self.environment = {
            "TOKEND_LISTEN": "127.0.0.1:0",
            "TOKEND_SECRET": secrets.token_urlsafe(32),
            "TOKEND_PASSWORDS__MEMORY_KIB": "64",
            "TOKEND_PASSWORDS__ITERATIONS": "1",
            "TOKEND_LOG__FORMAT": "json",
            **(settings or {}),
        }
        if tls:
            # Only here: the tests of gateways have nothing but the standard library.
            from certificate import make_certificate

            self.certificate, key = make_certificate(Path(self.home.name))
            self.environment |= {"TOKEND_HTTP__TLS_CERTIFICATE": str(self.certificate), "TOKEND_HTTP__TLS_KEY": str(key)}

    def __enter__(self):
        self.command("migrate")
        self.register()
        self.process = subprocess.Popen([self.program, "serve"], cwd=self.home.name, env=self.environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            entry = json.loads(line)
            if entry.get("message") == "listening":
                self.base = ("https://" if self.certificate else "http://") + entry["address"]
                self.issuer = entry["issuer"]
                break
        else:
            raise SystemExit("the server doesn't start")
        # What it logs from here on is read by nobody, and must not fill the pipe.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.drain.wait(timeout=60)
        self.home.cleanup()

    def register(self):
        """Makes the user and the clients."""
        self.command("user", "add", "alice", "--password-stdin", input=PASSWORD)
        self.client("web", "--grant", "password", "--grant", "refresh_token", "--first-party", "--scope", "openid read write",
                    "--audience", API)
        self.client("rs", "--may-introspect", "--serves", API, "--grant", "client_credentials", "--scope", "introspect")
        self.client("native", "--first-party", "--grant", "password", "--grant", "refresh_token", "--scope", "openid profile")

    def client(self, name, *rights):
        """Registers a confidential client, and keeps its secret."""
        self.secrets[name] = self.command("client", "add", name, "--name", name, "--confidential", *rights).strip()

    def command(self, *arguments, input=None):
        """Standard output of a command, which must succeed."""
        done = subprocess.run([self.program, *arguments], cwd=self.home.name, env=self.environment, input=input,
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise SystemExit(f"tokend {' '.join(arguments)}: {done.stderr}")
        return done.stdout

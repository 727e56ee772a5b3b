"""The built server, in a directory of its own, with a user and the clients that the checks need."""

import json
import secrets
import subprocess
import tempfile
from pathlib import Path

from processes import end

PASSWORD = "correct horse battery staple"
API = "https://api.example.com"


class Installation:
    """A directory, the settings of the program there, and its commands. The directory is gone after `remove`."""

    def __init__(self, program, settings):
        self.program = str(Path(program).resolve())
        self.home = tempfile.TemporaryDirectory(prefix="tokend-checks.")
        self.secrets = {}
        self.environment = {
            "TOKEND_SECRET": secrets.token_urlsafe(32),
            "TOKEND_PASSWORDS__MEMORY_KIB": "64",
            "TOKEND_PASSWORDS__ITERATIONS": "1",
            "TOKEND_LOG__FORMAT": "json",
        } | settings

    def remove(self):
        self.home.cleanup()

    def serve(self, **output):
        """Starts a server. `output` says what becomes of what it logs."""
        return subprocess.Popen([self.program, "serve"], cwd=self.home.name, env=self.environment, stdout=subprocess.DEVNULL, **output)

    def user(self, name, *rights):
        self.command("user", "add", name, "--password-stdin", *rights, input=PASSWORD)

    def client(self, name, *rights):
        """Registers a confidential client, and keeps its secret."""
        self.secrets[name] = self.command("client", "add", name, "--name", name, "--confidential", *rights).strip()

    def public(self, name, *rights):
        """Registers a public client of our own, with which users sign in."""
        self.command("client", "add", name, "--name", name, "--public", "--first-party", "--grant", "password",
                     "--grant", "refresh_token", *rights)

    def command(self, *arguments, input=None):
        """Standard output of a command, which must succeed."""
        done = subprocess.run([self.program, *arguments], cwd=self.home.name, env=self.environment, input=input,
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"tokend {' '.join(arguments)}: {done.stderr}")
        return done.stdout


class Server(Installation):
    """One server on SQLite. It runs until the block ends."""

    scheme = "http"

    def __init__(self, program, settings=None):
        super().__init__(program, {"TOKEND_LISTEN": "127.0.0.1:0"} | (settings or {}))

    def __enter__(self):
        self.command("migrate")
        self.register()
        self.process = self.serve(stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            entry = json.loads(line)
            if entry.get("message") == "listening":
                self.base = f"{self.scheme}://{entry['address']}"
                self.issuer = entry["issuer"]
                break
        else:
            raise RuntimeError("the server doesn't start")
        # What it logs from here on is read by nobody, and must not fill the pipe.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        end(self.process)
        self.drain.wait(timeout=60)
        self.remove()

    def register(self):
        """Makes the user and the clients."""
        self.user("alice")
        self.client("web", "--grant", "password", "--grant", "refresh_token", "--first-party", "--scope", "openid read write",
                    "--audience", API)
        self.client("rs", "--may-introspect", "--serves", API, "--grant", "client_credentials", "--scope", "introspect")
        self.client("native", "--first-party", "--grant", "password", "--grant", "refresh_token", "--scope", "openid profile")

"""nginx, Caddy and HAProxy with a sample of ops/, of which only the addresses are others."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from processes import accepts, end, free_port, wait_until

OPS = Path(__file__).resolve().parents[2] / "ops"

# The file that each program begins with.
FILES = {"nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg"}

# The port on which the samples listen.
PORT = "8000"

NGINX = """
daemon off;
pid {home}/pid;
error_log {home}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/nginx.conf;
}}
"""

CADDY = """
{{
    admin off
    auto_https off
}}
import {home}/Caddyfile
"""


def sample(folder, *names):
    """The texts of files in a folder of ops/, by their names."""
    return {name: (OPS / folder / name).read_text() for name in names}


class Proxy:
    """Runs until the block ends. `files` are its configuration, `addresses` what stands in there for what. The folder of the
    configuration stands for /etc/haproxy."""

    def __init__(self, kind, files, addresses):
        self.kind, self.name, self.port = kind, kind, free_port()
        self.home = tempfile.TemporaryDirectory(prefix="tokend-proxy.")
        os.chmod(self.home.name, 0o755)
        for written in addresses:
            if not any(written in text for text in files.values()):
                raise RuntimeError(f"{', '.join(files)}: there is no {written}")
        used = addresses | {PORT: str(self.port), "/etc/haproxy": self.home.name}
        written = re.compile("|".join(map(re.escape, used)))
        for name, text in files.items():
            Path(self.home.name, name).write_text(written.sub(lambda found: used[found[0]], text))

    def __enter__(self):
        home = self.home.name
        self.log = open(home + "/log", "w")
        environment = os.environ | {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}
        self.process = subprocess.Popen(self._command(), env=environment, cwd=home, stdout=self.log, stderr=self.log)
        wait_until(lambda: accepts(self.port), self.process, self.kind, self.log.name)
        return self

    def __exit__(self, *_):
        end(self.process)
        self.log.close()
        self.home.cleanup()

    def _command(self):
        home = self.home.name
        if self.kind == "nginx":
            Path(home, "main.conf").write_text(NGINX.format(home=home))
            return ["/usr/sbin/nginx", "-p", home, "-e", home + "/error.log", "-c", home + "/main.conf"]
        if self.kind == "caddy":
            Path(home, "main").write_text(CADDY.format(home=home))
            return ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", home + "/main"]
        return ["/usr/sbin/haproxy", "-db", "-f", home + "/haproxy.cfg"]

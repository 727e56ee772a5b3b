"""The gateways, each with its sample of ops/gateway, of which only the addresses are others."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "ops" / "gateway"

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


class Answer:
    """An answer to a client of a gateway, and what the API says that it was sent."""

    def __init__(self, response):
        self.status, self.challenge = response.status, response.getheader("WWW-Authenticate")
        text = response.read()
        self.request = json.loads(text) if response.status == 200 else None

    def told(self, name):
        """The values of all fields that a program behind WSGI or CGI would take for this one."""
        same = lambda field: field.lower().replace("_", "-") == name.lower()
        return [value for field, value in self.request["fields"] if same(field)]


class Gateway:
    """Runs until the block ends."""

    def __init__(self, name, server, upstream):
        self.name, self.upstream = name, upstream
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = tempfile.TemporaryDirectory(prefix="tokend-gateway.")
        os.chmod(self.home.name, 0o755)
        self.addresses = {
            "127.0.0.1:8080": server.base.removeprefix("http://"),
            "127.0.0.1:9000": upstream.address,
            "8000": str(self.port),
            "/etc/haproxy": self.home.name,
        }

    def __enter__(self):
        self.log = open(self.home.name + "/log", "w+")
        environment = os.environ | {"HOME": self.home.name, "XDG_DATA_HOME": self.home.name, "XDG_CONFIG_HOME": self.home.name}
        self.process = subprocess.Popen(self.command(), env=environment, cwd=self.home.name, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        for _ in range(1200):
            with contextlib.suppress(OSError), self.connect() as connection:
                connection.connect()
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"{self.name} doesn't start: " + Path(self.log.name).read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()
        self.home.cleanup()

    def command(self):
        """Writes the configuration. How the gateway is started."""
        home = self.home.name
        if self.name == "nginx":
            self.copy("nginx.conf")
            Path(home, "main.conf").write_text(NGINX.format(home=home))
            return ["/usr/sbin/nginx", "-p", home, "-e", home + "/error.log", "-c", home + "/main.conf"]
        if self.name == "caddy":
            self.copy("Caddyfile")
            Path(home, "main").write_text(CADDY.format(home=home))
            return ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", home + "/main"]
        self.copy("verify.lua")
        self.copy("haproxy.cfg")
        return ["/usr/sbin/haproxy", "-db", "-f", home + "/haproxy.cfg"]

    def copy(self, name):
        text = (SAMPLES / name).read_text()
        for written, used in self.addresses.items():
            text = text.replace(written, used)
        Path(self.home.name, name).write_text(text)

    def connect(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))

    def ask(self, token=None, method="GET", path="/orders", fields=(), body=None):
        """One request on a connection of its own. `fields` are sent as they are, however often."""
        with self.connect() as connection:
            return send(connection, token, method, path, fields, body)


def send(connection, token=None, method="GET", path="/orders", fields=(), body=None):
    connection.putrequest(method, path)
    if token is not None:
        connection.putheader("Authorization", "Bearer " + token)
    for name, value in fields:
        connection.putheader(name, value)
    if isinstance(body, list):
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(iter(body), encode_chunked=True)
    elif body is not None:
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
    else:
        connection.endheaders()
    return Answer(connection.getresponse())

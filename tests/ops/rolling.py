"""Restarts each of two nodes again and again behind a proxy, with its sample of ops/proxies, while clients refresh: no refresh may
fail. `default` runs nginx with the shortest configuration that works, which does let some fail.

    rolling.py PROGRAM [nginx|haproxy|caddy|default ..]
"""

import collections
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodes import Client, Site, free_port

SAMPLES = Path(__file__).resolve().parents[2] / "ops" / "proxies"
CLIENTS, ROUNDS = 8, 3

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

DEFAULT = """
upstream tokend { server 127.0.0.1:8080; server 127.0.0.1:8081; }
server { listen 8000; location / { proxy_pass http://tokend; } }
"""

CADDY = """
{{
    admin off
    auto_https off
}}
import {home}/Caddyfile
"""


class Proxy:
    """Runs until the block ends, with only the addresses of the sample changed."""

    def __init__(self, name, nodes):
        self.name, self.port = name, free_port()
        self.home = tempfile.TemporaryDirectory(prefix="tokend-proxy.")
        os.chmod(self.home.name, 0o755)
        self.used = {"127.0.0.1:8080": nodes[0].address, "127.0.0.1:8081": nodes[1].address, "8000": str(self.port)}

    def __enter__(self):
        self.log = open(self.home.name + "/log", "w")
        home = self.home.name
        environment = os.environ | {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}
        self.process = subprocess.Popen(self.command(), env=environment, cwd=home, stdout=self.log, stderr=self.log)
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=60):
                # Until then HAProxy and Caddy have asked each node how it is.
                time.sleep(2)
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
        home = self.home.name
        if self.name in ("nginx", "default"):
            self.write("nginx.conf", DEFAULT if self.name == "default" else (SAMPLES / "nginx.conf").read_text())
            Path(home, "main.conf").write_text(NGINX.format(home=home))
            return ["/usr/sbin/nginx", "-p", home, "-e", home + "/error.log", "-c", home + "/main.conf"]
        if self.name == "caddy":
            self.write("Caddyfile", (SAMPLES / "Caddyfile").read_text())
            Path(home, "main").write_text(CADDY.format(home=home))
            return ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", home + "/main"]
        self.write("haproxy.cfg", (SAMPLES / "haproxy.cfg").read_text())
        return ["/usr/sbin/haproxy", "-db", "-f", home + "/haproxy.cfg"]

    def write(self, name, text):
        for written, used in self.used.items():
            if written not in text:
                raise SystemExit(f"{name} doesn't have {written}")
            text = text.replace(written, used)
        Path(self.home.name, name).write_text(text)


def restart_all(site, proxy):
    """How many refreshes succeeded while each node was restarted, and how the others were answered."""
    clients = [Client(proxy.port) for _ in range(CLIENTS)]
    time.sleep(1)
    restarts = 0
    for _ in range(ROUNDS):
        for node in site.nodes:
            before = sum(client.refreshed for client in clients)
            node.stop()
            node.start()
            restarts += 1
            # The proxy has to find it again before the other one goes.
            time.sleep(3)
            if proxy.name != "default" and sum(client.refreshed for client in clients) == before:
                raise SystemExit(f"{proxy.name}: nothing was refreshed during a restart")
    for client in clients:
        client.stop()
    failures = [failure for client in clients for failure in client.failures]
    return restarts, sum(client.refreshed for client in clients), failures


def main(program, names):
    is_well = True
    with Site(program, TOKEND_HTTP__DRAIN="0s" if names == ["default"] else "3s") as site:
        for name in names:
            with Proxy(name, site.nodes) as proxy:
                restarts, refreshed, failures = restart_all(site, proxy)
            counts = dict(collections.Counter(str(status) for status, _ in failures))
            print(f"{name}: {restarts} restarts, {refreshed} refreshes, {len(failures)} failed {counts or ''}", flush=True)
            for failure in failures[:3]:
                print("   ", failure, flush=True)
            is_well &= not failures
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] or ["nginx", "haproxy", "caddy"]))

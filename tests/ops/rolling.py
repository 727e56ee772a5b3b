"""Restarts each of two nodes again and again behind a proxy, with its sample of ops/proxies, while clients refresh: no refresh may
fail. `default` runs nginx with the shortest configuration that works, which does let some fail.

    rolling.py PROGRAM [nginx|haproxy|caddy|default ..]
"""

import collections
import sys
import time

from nodes import Client, Site
from proxies import FILES, Proxy, sample

CLIENTS, ROUNDS = 8, 3

DEFAULT = """
upstream tokend { server 127.0.0.1:8080; server 127.0.0.1:8081; }
server { listen 8000; location / { proxy_pass http://tokend; } }
"""


def proxy_before(nodes, name):
    """A proxy before two nodes."""
    kind = "nginx" if name == "default" else name
    files = {FILES[kind]: DEFAULT} if name == "default" else sample("proxies", FILES[kind])
    return Proxy(kind, files, {"127.0.0.1:8080": nodes[0].address, "127.0.0.1:8081": nodes[1].address})


def restart_all(site, proxy, may_fail):
    """How many refreshes succeeded while each node was restarted, and how the others were answered."""
    # Until then HAProxy and Caddy have asked each node how it is.
    time.sleep(2)
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
            if not may_fail and sum(client.refreshed for client in clients) == before:
                raise SystemExit(f"{proxy.kind}: nothing was refreshed during a restart")
    for client in clients:
        client.stop()
    failures = [failure for client in clients for failure in client.failures]
    return restarts, sum(client.refreshed for client in clients), failures


def main(program, names):
    is_well = True
    with Site(program, TOKEND_HTTP__DRAIN="0s" if names == ["default"] else "3s") as site:
        for name in names:
            with proxy_before(site.nodes, name) as proxy:
                restarts, refreshed, failures = restart_all(site, proxy, may_fail=name == "default")
            counts = dict(collections.Counter(str(status) for status, _ in failures))
            print(f"{name}: {restarts} restarts, {refreshed} refreshes, {len(failures)} failed {counts or ''}", flush=True)
            for failure in failures[:3]:
                print("   ", failure, flush=True)
            is_well &= not failures
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] or ["nginx", "haproxy", "caddy"]))

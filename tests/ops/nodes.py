"""Two nodes of tokend on one PostgreSQL, each at an address of its own that it keeps when it is restarted."""

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import threading
import urllib.parse
from pathlib import Path

from processes import end, free_port, wait_until
from server import PASSWORD, Installation


def new_database():
    """The URL of an empty database."""
    url, programs = os.environ["TOKEND_TEST_POSTGRES"], os.environ["TOKEND_TEST_POSTGRES_PROGRAMS"]
    name = "ops_" + secrets.token_hex(8)
    subprocess.run([programs + "/createdb", "--maintenance-db", url, name], check=True)
    return url.rsplit("/", 1)[0] + "/" + name


class Node:
    """A node that can be stopped and started again."""

    def __init__(self, site, number):
        self.site, self.number, self.port = site, number, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = open(f"{site.home.name}/node{number}.log", "w")
        self.process = None

    def start(self):
        self.site.environment["TOKEND_LISTEN"] = self.address
        self.process = self.site.serve(stderr=self.log)
        wait_until(self.is_ready, self.process, f"node {self.number}", self.log.name)
        return self

    def is_ready(self):
        with contextlib.suppress(OSError):
            return self.get("/health/ready")[0] == 200

    def get(self, path):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def stop(self):
        """Asks the node to end, and waits until it has. It must end by itself and without an error."""
        end(self.process)
        if self.process.returncode != 0:
            raise SystemExit(f"node {self.number} ended with {self.process.returncode}: " + Path(self.log.name).read_text())


class Site(Installation):
    """The nodes, a user and a public client. Everything is gone when the block ends."""

    def __init__(self, program, **settings):
        super().__init__(program, {
            "TOKEND_DATABASE": new_database(),
            # The cluster of the tests doesn't wait for the disk.
            "TOKEND_DATABASE__UNSAFE_DURABILITY": "true",
            "TOKEND_ISSUER": "https://auth.example.com",
            "TOKEND_HTTP__TRUSTED_PROXIES": "127.0.0.1",
        } | settings)

    def __enter__(self):
        self.command("migrate")
        self.user("alice")
        self.public("app")
        self.nodes = [Node(self, number).start() for number in (1, 2)]
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.process.kill()
            node.process.wait()
            node.log.close()
        self.remove()


class Client:
    """Signs in and refreshes without a pause on a connection that it keeps, until it is stopped."""

    def __init__(self, port):
        self.port, self.refreshed, self.failures, self.stopped = port, 0, [], threading.Event()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        status, answer = self.post("/login", username="alice", password=PASSWORD, client_id="app")
        if status != 200:
            raise SystemExit(f"the sign-in is answered {status}: {answer}")
        self.token = json.loads(answer)["refresh_token"]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def post(self, path, **form):
        self.connection.request("POST", path, urllib.parse.urlencode(form),
                                {"Content-Type": "application/x-www-form-urlencoded"})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")

    def run(self):
        while not self.stopped.wait(0.01):
            try:
                status, answer = self.post("/refresh", refresh_token=self.token)
            except (OSError, http.client.HTTPException) as error:
                status, answer = None, repr(error)
                self.connection.close()
            if status == 200:
                self.token = json.loads(answer)["refresh_token"]
                self.refreshed += 1
            else:
                self.failures.append((status, answer[:200]))

    def stop(self):
        self.stopped.set()
        self.thread.join(timeout=60)
        self.connection.close()
